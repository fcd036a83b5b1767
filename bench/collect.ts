/** Loaded into a manager before its own program (`--expose-gc --import`): SIGUSR2 has it give back all that it can. */
process.on('SIGUSR2', () => void globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }));
