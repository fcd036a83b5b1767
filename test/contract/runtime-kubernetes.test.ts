import { afterAll, beforeAll, vi } from 'vitest';
import { type KubernetesNamespace, openKubernetesNamespace } from '../support/kubernetes-namespace.ts';
import { bundledHost, openKubernetesPlace } from '../support/kubernetes-place.ts';
import { requires } from '../support/requires.ts';
import { runtimeContract } from './runtime.ts';

/** A Pod takes seconds to start and to end. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

requires('cluster')('with Kubernetes', () => {
  let namespace: KubernetesNamespace;
  let host: string;
  beforeAll(async () => {
    [namespace, host] = await Promise.all([openKubernetesNamespace(), bundledHost()]);
  });
  afterAll(() => namespace[Symbol.asyncDispose]());

  runtimeContract('kubernetes', async () => openKubernetesPlace(namespace, host));
});
