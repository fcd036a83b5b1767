import { type Command, Option } from 'commander';
import { ROLES } from '../core/people.ts';
import type { CliIo } from './io.ts';
import type { Choose } from './program.ts';

const PASSWORD = ['--password-file <file>', 'holds the password; - is stdin (default: ask at the terminal)'] as const;

/** Commands about people: who is logged in, and what administrators do. */
export function describePeople(program: Command, choose: Choose, io: CliIo): void {
  describeLogin(program, choose, io);
  describeSessions(program, choose, io);
  describeUsers(program, choose, io);
}

function describeLogin(program: Command, choose: Choose, io: CliIo): void {
  const load = () => import('./login/login.ts');
  program
    .command('login')
    .description('log in with an account, for what needs a role')
    .option('--username <name>', 'account', 'admin')
    .option(...PASSWORD)
    .option('--token-file <file>', 'holds a token of the issuer that the manager trusts, in place of a password')
    .action((options) => choose(async () => (await load()).login(io, options)));
  program
    .command('logout')
    .description('take the tokens of the login back and forget them')
    .action(() => choose(async () => (await load()).logout(io)));
  program
    .command('whoami')
    .description('who calls when a command is run here')
    .option('--json', 'as JSON')
    .action((options) => choose(async () => (await load()).whoami(io, options)));
}

function describeSessions(program: Command, choose: Choose, io: CliIo): void {
  const load = () => import('./admin/sessions.ts');
  const sessions = program.command('sessions').description('all sessions that you may see');
  sessions
    .command('list', { isDefault: true })
    .description('a table of them')
    .option('--owner <name>', 'of one owner')
    .option('--json', 'as JSON')
    .action((options) => choose(async () => (await load()).showSessions(io, options)));
  sessions
    .command('show <id>')
    .description('one of them, and its servers')
    .option('--json', 'as JSON')
    .action((id, options) => choose(async () => (await load()).showSession(io, id, options)));
  sessions
    .command('end <ids...>')
    .description('end them, and their servers')
    .action((ids) => choose(async () => (await load()).endSessions(io, ids)));
  sessions
    .command('restart <id> [server]')
    .description('restart a server of one, or all of its servers')
    .action((id, server) => choose(async () => (await load()).restartInSession(io, id, server)));
  describeCare(sessions, choose, io);
}

function describeCare(sessions: Command, choose: Choose, io: CliIo): void {
  const load = () => import('./admin/sessions.ts');
  sessions
    .command('refresh [id]')
    .description('put off the end of one, or of all (needs a login)')
    .action((id) => choose(async () => (await load()).refreshSessions(io, id)));
  sessions
    .command('recover <id>')
    .description('put off its end, and start its servers that have failed (needs a login)')
    .action((id) => choose(async () => (await load()).recoverSession(io, id)));
}

function describeUsers(program: Command, choose: Choose, io: CliIo): void {
  const load = () => import('./admin/users.ts');
  const users = program.command('users').description('accounts of the manager: changed on its own machine');
  users
    .command('list', { isDefault: true })
    .description('names and roles')
    .option('--json', 'as JSON')
    .action((options) => choose(async () => (await load()).listUsers(io, options)));
  users
    .command('add <name>')
    .description('a new account')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('developer'))
    .option(...PASSWORD)
    .action((name, options) => choose(async () => (await load()).addUser(io, name, options)));
  users
    .command('password <name>')
    .description('another password, which ends the logins of the account')
    .option(...PASSWORD)
    .action((name, options) => choose(async () => (await load()).setPassword(io, name, options)));
  users
    .command('remove <name>')
    .description('take an account away')
    .action((name) => choose(async () => (await load()).removeUser(io, name)));
}
