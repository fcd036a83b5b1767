import { describe, expect, it } from 'vitest';
import { connectionErrorOf, errorOf } from '../../src/servers/proxmox/pve-error.ts';
import type { Target } from '../../src/servers/proxmox/target.ts';

const token: Target = {
  name: 'main',
  origin: 'https://pve.test:8006',
  verifySsl: true,
  timeoutMs: 30_000,
  credential: { kind: 'token', variable: 'PROXMOX_TOKEN', id: 'root@pam!mcp', secret: 's3cr3t' },
};
const password: Target = {
  ...token,
  credential: { kind: 'password', variable: 'PROXMOX_PASSWORD', user: 'ann@pve', password: 's3cr3t' },
};
const PATH = '/nodes/pve1/qemu/100/status/current';

describe('errorOf', () => {
  it.each<[Target, number, string, string, RegExp]>([
    [
      token,
      400,
      'Parameter verification failed.',
      '{"errors":{"type":"value \'x\' does not have a value in the enumeration"}}',
      /refused the parameters: Parameter verification failed.; type: value 'x'/,
    ],
    [
      token,
      401,
      'Authentication failed!',
      '',
      /refused the login \(Authentication failed!\).*API token root@pam!mcp exists.*PROXMOX_TOKEN/,
    ],
    [password, 401, 'No ticket', '', /password of ann@pve in variable PROXMOX_PASSWORD/],
    [
      token,
      403,
      'Permission check failed (/vms/100, VM.Audit)',
      '',
      /to API token root@pam!mcp. Give it a role with VM.Audit on \/vms\/100.*privilege separation/,
    ],
    [
      password,
      403,
      'Permission check failed (/storage/x, Datastore.Audit|Datastore.AllocateSpace)',
      '',
      /to user ann@pve. Give it a role with Datastore.Audit or Datastore.AllocateSpace on \/storage\/x [^;]*$/,
    ],
    [
      token,
      403,
      "Permission check failed (URI '/x' not available with API token, need proper ticket.)",
      '',
      /not available with API token/,
    ],
    [
      token,
      500,
      'x',
      `{"message":"Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist\\n"}`,
      /does not exist\. The guest was removed or moved/,
    ],
    [token, 500, 'VM is locked (backup)', '', /VM is locked \(backup\)\. Another operation/],
    [token, 500, '', '<html>', /could not do this: HTTP 500$/],
    [token, 501, "Method 'GET /x' not implemented", '', /does not know \/nodes.*not implemented/],
    [token, 308, 'Permanent Redirect', '', /redirected the call \(HTTP 308\).*"port"/],
    [token, 595, 'Connection refused', '', /could not reach the node.*\(Connection refused\)/],
  ])('%# status %i', (target, status, reason, body, message) => {
    const error = errorOf(target, PATH, { status, reason, body });
    expect(error.message).toMatch(/^Proxmox server "main" /);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('s3cr3t');
    expect(error).toMatchObject({ code: 'upstream.failed', pveStatus: status, transient: status === 595 });
  });

  it.each([594, 595, 596, 597, 598, 599, 600])('%i is transient only between 595 and 599', (status) => {
    expect(errorOf(token, PATH, { status, reason: '', body: '' }).transient).toBe(status >= 595 && status <= 599);
  });

  it('believes the body rather than the reason phrase', () => {
    const answer = { status: 500, reason: 'short', body: '{"data":null,"message":"the whole story\\n"}' };
    expect(errorOf(token, PATH, answer).message).toMatch(/could not do this: the whole story$/);
  });
});

describe('connectionErrorOf', () => {
  it.each<[string, boolean, RegExp]>([
    ['ECONNREFUSED', true, /cannot be reached at https:\/\/pve\.test:8006 \(ECONNREFUSED\)/],
    ['UND_ERR_SOCKET', true, /cannot be reached/],
    ['ENOTFOUND', false, /is not known.*servers\.main\.host/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false, /not trusted.*servers\.main\.verify_ssl/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', false, /not trusted/],
    ['CERT_HAS_EXPIRED', false, /not trusted \(CERT_HAS_EXPIRED\)/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false, /for another name/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', false, /does not speak TLS.*servers\.main\.port/],
    ['UND_ERR_RES_EXCEEDED_MAX_SIZE', false, /too large/],
  ])('%s', (code, transient, message) => {
    const error = connectionErrorOf(token, code, new Error('x'));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ transient, pveStatus: undefined });
  });
});
