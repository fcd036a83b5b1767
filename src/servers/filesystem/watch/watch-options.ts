/** How a directory is watched. */
export interface WatchOptions {
  /** Patterns as in a `.gitignore`. */
  readonly ignore: readonly string[];
  /** Whether the workspace's `.gitignore` files count. */
  readonly gitignore: boolean;
  readonly polling: boolean;
}
