import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../support/requires.ts';
import { DEPLOYMENTS, type Deployment, type DeploymentName } from './deployments.ts';
import { wrongOf } from './run.ts';
import { runSuite } from './run-suite.ts';
import { SUITES, type Suite } from './suites.ts';

/** A multiple of what it takes on a machine with two processors. */
const START_MS = 120_000;
const SUITE_MS = 300_000;
/** Where nobody listens. */
const NOWHERE = 'http://127.0.0.1:1/mcp';

const suite = (name: string) => SUITES.find((one) => one.name === name) as Suite;

let deployment: Deployment;
function deployed(name: DeploymentName): void {
  beforeAll(async () => {
    deployment = await DEPLOYMENTS[name]();
  }, START_MS);
  afterAll(() => deployment?.[Symbol.asyncDispose](), START_MS);
}

/** What is wrong with a run of that suite through the gateway. */
const wrongWith = async (name: string) => wrongOf(await runSuite(suite(name), deployment.url));

describe('the official conformance suite, through npm start', { timeout: SUITE_MS }, () => {
  deployed('single');

  it('[conformance.2025-11-25] passes as it was released for 2025-11-25', async () => {
    expect(await wrongWith('active')).toEqual([]);
  });

  it('[conformance.2025-11-25] passes in all that 2025-11-25 requires', async () => {
    expect(await wrongWith('2025-11-25')).toEqual([]);
  });

  it('[conformance.2026-07-28] passes in all that 2026-07-28 requires', async () => {
    expect(await wrongWith('2026-07-28')).toEqual([]);
  });
});

requires('redis')('the official conformance suite, through replicas', () => {
  requires('docker')('behind a balancer that is not sticky', () => {
    deployed('replicas');

    it('[conformance.replicas] passes, all of it', { timeout: SUITES.length * SUITE_MS }, async () => {
      for (const { name } of SUITES) expect(await wrongWith(name), name).toEqual([]);
      expect(Object.keys(await deployment.served())).toHaveLength(deployment.replicas);
    });
  });
});

describe('a run of the suite', () => {
  it('is wrong if a scenario fails', async () => {
    const run = await runSuite(suite('2026-07-28'), NOWHERE, { scenario: 'tools-list' });
    expect(wrongOf(run)).toEqual([expect.stringContaining('tools-list')]);
  });

  it('is wrong if there is no such scenario', async () => {
    const run = await runSuite(suite('active'), NOWHERE, { scenario: 'none-such' });
    expect(wrongOf(run)).toEqual([expect.stringContaining('none-such')]);
  });
});
