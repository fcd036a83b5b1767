import { describe } from 'vitest';
import { EmbeddedStore } from '../../src/store/embedded/store.ts';
import { RedisStore } from '../../src/store/redis/store.ts';
import { RedisServer } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { requires } from '../support/requires.ts';
import { pairInFile, pairOn } from './pairs.ts';
import { sessionStoreContract } from './session-store.ts';

const redis = (starting: Promise<RedisServer | RedisCluster>) => pairOn(starting, (options) => new RedisStore(options));

describe('embedded store', () => sessionStoreContract(() => pairInFile((options) => new EmbeddedStore(options))));
requires('redis')('redis store', () => sessionStoreContract(() => redis(RedisServer.start())));
requires('redis')('redis cluster store', () => sessionStoreContract(() => redis(RedisCluster.start())));
