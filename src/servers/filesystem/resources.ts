import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AppError } from '../../core/errors.ts';
import type { Directories } from './directories.ts';

const MIME_TYPE = 'application/json';

/** The allowed directories (2025-11-25, server/resources, "Listing Resources"). */
export async function listResources(directories: Directories): Promise<object[]> {
  const found = await directories.list();
  return found.map((path) => ({
    uri: pathToFileURL(path).href,
    name: basename(path) || path,
    title: path,
    description: 'A directory: its entries. Can be subscribed to, for changes in it and below it',
    mimeType: MIME_TYPE,
  }));
}

export const TEMPLATES: readonly object[] = [
  {
    uriTemplate: 'file:///{+directory}',
    name: 'directory',
    title: 'A directory below the allowed ones',
    description: 'Its entries. Can be subscribed to, for changes in it and below it',
    mimeType: MIME_TYPE,
  },
];

/** @throws AppError `params.invalid` */
export async function readDirectory(directories: Directories, uri: string): Promise<object> {
  const { path } = await directories.find(pathOf(uri));
  const entries = (await readdir(path, { withFileTypes: true })).map((entry) => ({
    name: entry.name,
    type: typeOf(entry),
  }));
  return { uri, mimeType: MIME_TYPE, text: JSON.stringify({ path, entries }) };
}

/** @throws AppError `params.invalid` if `uri` names no file of this machine */
export function pathOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    throw new AppError('params.invalid', `${uri} names no directory: give a URI such as file:///home/me/project`, {
      cause,
    });
  }
}

function typeOf(entry: Dirent): string {
  if (entry.isDirectory()) return 'directory';
  if (entry.isFile()) return 'file';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}
