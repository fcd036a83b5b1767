import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as ClientV2, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { connect, textOf } from './mcp-clients.ts';

/** What every MCP client can do with tools. */
export interface ToolClient {
  /** Names of the tools. */
  list(): Promise<string[]>;
  call(tool: string, args: object): Promise<{ readonly text: string; readonly isError: boolean }>;
  close(): Promise<void>;
}

export type OpenToolClient = (url: string, token: string) => Promise<ToolClient>;

interface ToolList {
  readonly tools: readonly { readonly name: string }[];
}

interface SdkClient {
  listTools(): Promise<ToolList>;
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<object>;
  close(): Promise<void>;
}

const ofSdk = (client: SdkClient): ToolClient => ({
  list: async () => namesOf(await client.listTools()),
  call: async (name, args) => answerOf(await client.callTool({ name, arguments: { ...args } })),
  close: () => client.close(),
});

const namesOf = ({ tools }: ToolList) => tools.map(({ name }) => name);
const answerOf = (result: object) => ({
  text: textOf(result),
  isError: (result as { isError?: boolean }).isError ?? false,
});

async function openV2(url: string, token: string, mode: 'legacy' | 'auto'): Promise<ToolClient> {
  const client = new ClientV2({ name: 'test', version: '2.0.0' }, { versionNegotiation: { mode } });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return ofSdk(client);
}

const INSPECTOR = fileURLToPath(new URL('../../node_modules/.bin/mcp-inspector', import.meta.url));
const INSPECTOR_MS = 20_000;
/** The inspector's exit code where a tool's result is an error. */
const TOOL_ERROR = 5;

const openInspector: OpenToolClient = async (url, token) => {
  const home = mkdtempSync(join(tmpdir(), 'inspector-'));
  const target = [url, '--transport', 'http', '--header', `Authorization: Bearer ${token}`];
  /** Runs it once. */
  const inspect = (method: string, ...args: string[]): Promise<object> => {
    const all = [INSPECTOR, '--cli', ...target, '--format', 'json', '--method', method, ...args];
    const options = { timeout: INSPECTOR_MS, env: { PATH: process.env.PATH, HOME: home } };
    return new Promise((resolve, reject) => {
      execFile(process.execPath, all, options, (error, stdout, stderr) => {
        if (error && error.code !== TOOL_ERROR) reject(new Error(`${error.message}\n${stderr}`));
        else resolve((JSON.parse(stdout) as { result: object }).result);
      });
    });
  };
  return {
    list: async () => namesOf((await inspect('tools/list')) as ToolList),
    call: async (tool, args) =>
      answerOf(await inspect('tools/call', '--tool-name', tool, '--tool-args-json', JSON.stringify(args))),
    close: async () => rmSync(home, { recursive: true }),
  };
};

/** The clients that users have: both generations of the official SDK, and the official inspector's command line. */
export const TOOL_CLIENTS: readonly { readonly name: string; readonly open: OpenToolClient }[] = [
  { name: 'the SDK v1', open: async (url, token) => ofSdk(await connect(url, token)) },
  { name: 'the SDK v2', open: (url, token) => openV2(url, token, 'legacy') },
  { name: 'the SDK v2, which asks for the newest revision first', open: (url, token) => openV2(url, token, 'auto') },
  { name: 'the inspector', open: openInspector },
];
