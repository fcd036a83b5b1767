/** What operators configure a manager with. */
export const FILE_KINDS = ['settings', 'catalogue', 'accounts', 'template'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** One file of a configuration, without its secrets. */
export interface ConfigurationFile {
  readonly kind: FileKind;
  /** Absolute. */
  readonly path: string;
  /** Its text, with `LEFT_OUT` in the place of each secret; absent: the file is not there. */
  readonly text?: string;
}

/** A configuration that a manager has worked with. */
export interface ConfigurationVersion {
  /** Rises; the first one is 1. */
  readonly number: number;
  /** When it was kept, milliseconds since the epoch. */
  readonly at: number;
  readonly files: readonly ConfigurationFile[];
}

/** A file as it would be with an earlier version. */
export interface RestoredFile {
  readonly kind: FileKind;
  readonly path: string;
  /** What is to be written, secrets included: never to be shown. Absent: the file is to go. */
  readonly text?: string;
  /** Secrets that are nowhere: where in the file they belong. Never of accounts, which are left out then. */
  readonly missing: readonly string[];
  /** Accounts that cannot come back, since nobody has their passwords. */
  readonly dropped: readonly string[];
}

/** What a look at one file, or at the environment, has found. */
export interface FileCheck {
  /** `environment`: the variables that the manager reads. */
  readonly kind: FileKind | 'environment';
  /** Absent: the environment. */
  readonly path?: string;
  /** What keeps a manager from starting with it, one line each; empty: nothing. */
  readonly problems: readonly string[];
}

/** The configurations of the manager whose state directory this is, for its operator on its own machine. */
export interface Configurations {
  /** The oldest first. */
  versions(): readonly ConfigurationVersion[];
  /** What there is now in the files of the last version; where there is none, in those that the environment leads to. */
  present(): readonly ConfigurationFile[];
  /** The files that differ from what they are now, as they would be. Nothing is written. */
  restored(version: ConfigurationVersion): readonly RestoredFile[];
  /**
   * Looks at one file, or at the environment and all files that there are or that it names. Throws `not-found` for one that
   * is not there.
   */
  check(file?: string): readonly FileCheck[];
  /** Keeps what there is now as a version, if all of it is right and it differs from the last one; returns it then. */
  keep(): ConfigurationVersion | undefined;
  /** Variables that look like ours and are none, each with what may have been meant. */
  mistypedVariables(): readonly string[];
}
