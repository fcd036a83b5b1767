/** The official server's program. It exports nothing: to import it is to run it. */
declare module '@modelcontextprotocol/server-filesystem/dist/index.js';
