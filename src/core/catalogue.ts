import type { ServerName } from './ids.ts';

/** One server that may be launched: an entry of `mcpServers`, validated. */
export interface CatalogueEntry {
  readonly name: ServerName;
  /** `stdio`: a program that speaks MCP on stdin and stdout. `module`: runs inside the host (core/server-module.ts). */
  readonly transport: 'stdio' | 'module';
  /** Program or module. */
  readonly command: string;
  /**
   * `${workspace}` and `${configDir}` stand for the session's own; `${dist}`, here and in `command`, for the directory of the
   * built program, and `${node}` for its Node, both where the instance runs.
   */
  readonly args: readonly string[];
  /** Values may hold `${workspace}`, `${configDir}` and `${env:NAME}`, a variable of the session. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of the variables that `init` takes from the terminal's environment for this server. */
  readonly variables: readonly string[];
  /** Configuration templates: name in the session's configuration directory -> path of the template. */
  readonly files: Readonly<Record<string, string>>;
  /** Its clients' roots are told to it. Not for a server that takes them in place of the directories it was given (D9). */
  readonly clientRoots?: boolean;
  /** Names of its tools, as far as they are known before it runs. */
  readonly tools?: readonly string[];
  /** False: it does not use the session's workspace, and does not see it in a container. */
  readonly workspace?: boolean;
  /** For runtimes with containers. */
  readonly image?: string;
  readonly limits?: { readonly memoryMb?: number; readonly cpus?: number; readonly pids?: number };
  readonly network?: 'none' | 'egress' | 'bridge';
  /** With `network: egress`: the hosts that it may reach, `host:port`; both may hold `${env:NAME}`. */
  readonly egress?: readonly string[];
  readonly mounts?: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
}

export type Catalogue = ReadonlyMap<ServerName, CatalogueEntry>;
