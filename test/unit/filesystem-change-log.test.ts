import { describe, expect, it } from 'vitest';
import { ChangeLog } from '../../src/servers/filesystem/watch/change-log.ts';

const brief = (log: ChangeLog, position: number, limit = 100) =>
  log.after(position, limit).changes.map(({ kind, path }) => `${kind} ${path}`);

describe('the log of changes', () => {
  it('tells each path once, in the order of its last change, as seen from the position', () => {
    const log = new ChangeLog(100);
    log.modified('a', 'file');
    log.created('b', 'file');
    const between = log.head;
    log.modified('b', 'file');
    log.modified('a', 'file');
    expect(brief(log, 0)).toEqual(['created b', 'modified a']);
    expect(brief(log, between)).toEqual(['modified b', 'modified a']);
    expect(brief(log, log.head)).toEqual([]);
  });

  it('tells nothing of what came and went, but to those who have seen it', () => {
    const log = new ChangeLog(100);
    log.created('temporary', 'file');
    const seen = log.head;
    log.left('temporary', 'file', 'deleted');
    expect(brief(log, 0)).toEqual([]);
    expect(brief(log, seen)).toEqual(['deleted temporary']);
  });

  it('tells of a deletion whoever may know the path from an earlier life of it', () => {
    const log = new ChangeLog(100);
    log.left('old', 'file', 'deleted');
    log.created('old', 'directory');
    log.left('old', 'directory', 'deleted');
    expect(brief(log, 0)).toEqual(['deleted old']);
  });

  it('is the same for each reader of the same position, in pages too', () => {
    const log = new ChangeLog(100);
    for (const name of 'abcde') log.created(name, 'file');
    const paged: string[] = [];
    let page = log.after(0, 2);
    paged.push(...page.changes.map(({ path }) => path));
    while (page.more) {
      page = log.after(page.position, 2);
      paged.push(...page.changes.map(({ path }) => path));
    }
    expect(paged.join('')).toBe('abcde');
    expect(brief(log, 0)).toEqual(brief(log, 0));
  });

  it('keeps so many records, and says up to where it has forgotten', () => {
    const log = new ChangeLog(3);
    for (const name of 'abcd') log.created(name, 'file');
    expect(log.floor).toBe(1);
    expect(brief(log, 1)).toEqual(['created b', 'created c', 'created d']);
  });
});
