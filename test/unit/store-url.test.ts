import { describe, expect, it } from 'vitest';
import {
  clusterUrlOf,
  isStoreUrl,
  passwordIn,
  sentinelUrlOf,
  withoutPasswords,
  withPassword,
} from '../../src/core/store-url.ts';

describe('the URL of a store with Sentinels', () => {
  it('says who they are, what they call the master, and how Redis is entered', () => {
    expect(sentinelUrlOf('redis+sentinel://a:26380,b,[::1]:5/main')).toEqual({
      tls: false,
      sentinels: [
        { host: 'a', port: 26_380 },
        { host: 'b', port: 26_379 },
        { host: '::1', port: 5 },
      ],
      name: 'main',
      db: 0,
    });
    expect(sentinelUrlOf('rediss+sentinel://olga:a%2Fb%40c@s-0.redis.svc:1/main/3')).toMatchObject({
      tls: true,
      username: 'olga',
      password: 'a/b@c',
      name: 'main',
      db: 3,
    });
    expect(sentinelUrlOf('redis+sentinel://:pass@a/main/3?sentinelPassword=a%2Fb%40c')).toMatchObject({
      password: 'pass',
      name: 'main',
      db: 3,
      sentinelPassword: 'a/b@c',
    });
    expect(sentinelUrlOf('redis+sentinel://:pass:word@a/main')).toMatchObject({ password: 'pass:word' });
    expect(sentinelUrlOf('redis+sentinel://:pass@a/main')).not.toHaveProperty('username');
  });

  it.each([
    'redis+sentinel://a:1',
    'redis+sentinel://a:1/',
    'redis+sentinel:///main',
    'redis+sentinel://a:1,/main',
    'redis+sentinel://a:x/main',
    'redis+sentinel://a:65536/main',
    'redis+sentinel://a:1/main/x',
    'redis+sentinel://a:1/main/0/1',
    'redis+sentinel://a:1/main?password=x',
    'redis+sentinel://a:1/main?sentinelPassword=',
    'redis+sentinel://a b:1/main',
    'redis://a:1/0',
    'embedded',
  ])('is not %s', (text) => {
    expect(sentinelUrlOf(text)).toBeUndefined();
  });
});

describe('the URL of a Redis Cluster', () => {
  it('says some of its nodes', () => {
    expect(clusterUrlOf('rediss+cluster://:word@a,[::1]:7000')).toEqual({
      tls: true,
      password: 'word',
      nodes: [
        { host: 'a', port: 6379 },
        { host: '::1', port: 7000 },
      ],
    });
  });

  it.each(['redis+cluster://', 'redis+cluster://a:1/0', 'redis+cluster://a,,b', 'redis+sentinel://a/main'])(
    'is not %s',
    (text) => expect(clusterUrlOf(text)).toBeUndefined(),
  );
});

describe('the password of a store', () => {
  it.each([
    ['redis://redis:6379/2', 'redis://:a%2Fb%40c@redis:6379/2'],
    ['rediss://olga@redis', 'rediss://olga:a%2Fb%40c@redis'],
    ['redis+sentinel://a:1,b:2/main/2', 'redis+sentinel://:a%2Fb%40c@a:1,b:2/main/2'],
    ['rediss+sentinel://olga@a:1,b:2/main', 'rediss+sentinel://olga:a%2Fb%40c@a:1,b:2/main'],
    ['redis+cluster://a:1,b:2', 'redis+cluster://:a%2Fb%40c@a:1,b:2'],
    ['redis+sentinel://olga:old@a/main', 'redis+sentinel://olga:a%2Fb%40c@a/main'],
  ])('is put into %s', (url, expected) => {
    const with_ = withPassword(url, 'a/b@c');
    expect(with_).toBe(expected);
    expect(isStoreUrl(with_)).toBe(true);
    expect(decodeURIComponent(passwordIn(with_))).toBe('a/b@c');
  });

  it.each([
    ['redis://:secret@redis:6379/2', 'redis://:***@redis:6379/2'],
    ['redis://redis:6379/2', 'redis://redis:6379/2'],
    ['redis+cluster://:secret@a,b', 'redis+cluster://:***@a,b'],
    ['redis+sentinel://:secret@a/main?sentinelPassword=secret', 'redis+sentinel://:***@a/main?sentinelPassword=***'],
    ['redis+sentinel://a/main/1?sentinelPassword=secret', 'redis+sentinel://a/main/1?sentinelPassword=***'],
    ['embedded', 'embedded'],
  ])('is not shown: %s', (url, shown) => {
    expect(decodeURIComponent(withoutPasswords(url))).toBe(shown);
  });

  it('is none where there is none', () => {
    expect(['redis://redis', 'redis+sentinel://a,b/main', 'embedded'].map(passwordIn)).toEqual(['', '', '']);
  });

  it.each(['redis://', 'redis:// x', 'http://redis', 'redis+sentinel://a', ''])('is not asked of %j', (text) => {
    expect(isStoreUrl(text)).toBe(false);
  });
});
