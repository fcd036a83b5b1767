import { createHash } from 'node:crypto';
import type { Slot } from '../slots.ts';

/** What a label's value may be (Kubernetes, "Labels and Selectors", "Syntax and character set"). */
const VALUE = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
/** Characters of a digest: 80 bits. */
const DIGEST = 20;

/**
 * The name of an instance's Pod, which no other can have: two starts of the same server never make two. A DNS label, of at
 * most 63 characters; its digest tells apart what its readable part does not.
 */
export function podNameOf(deployment: string, { session, server }: Pick<Slot, 'session' | 'server'>): string {
  const digest = digestOf(JSON.stringify([deployment, session, server]));
  return `${deployment.slice(0, 24)}-${server.toLowerCase().slice(0, 16)}-${digest}`;
}

/** `text` as a label's value: itself where it may be one, else a digest, by which it is found as well. */
export function labelValueOf(text: string): string {
  return VALUE.test(text) ? text : `sha256-${digestOf(text)}`;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGEST);
}
