import { cacheCompiledCode } from './os/compile-cache.ts';

/**
 * The program: its first argument is a role, or a command of the command line. A host must start in tens of milliseconds,
 * so nothing is loaded here but what the role needs, and that from V8's compile cache.
 */
const [role, ...args] = process.argv.slice(2);
cacheCompiledCode(process.env);
if (role === 'serve') {
  const { serve } = await import('./roles/serve.ts');
  process.exitCode = await serve(args, import.meta.filename);
} else if (role === 'egress') {
  const { egress } = await import('./roles/egress.ts');
  process.exitCode = await egress(args, import.meta.filename);
} else if (role === 'gateway') {
  const { gateway } = await import('./roles/gateway.ts');
  process.exitCode = await gateway(args, import.meta.filename);
} else if (role === 'controller') {
  const { controller } = await import('./roles/controller.ts');
  process.exitCode = await controller(args, import.meta.filename);
} else if (role === 'host') {
  const { host } = await import('./roles/host.ts');
  await host(args, import.meta.filename);
} else {
  const { runCli } = await import('./cli/main.ts');
  process.exitCode = await runCli(process.argv.slice(2), async () => {
    const { openConfigurations } = await import('./roles/configurations.ts');
    return openConfigurations(import.meta.filename);
  });
}
