/** A stdio MCP server for tests that cannot start: it says why on stderr and ends before `initialize`. */
process.stderr.write('broken-server: no database at localhost:5432\n');
process.exit(1);
