import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { type Person, ROLES } from '../../core/people.ts';
import { bearerOf } from '../bearer.ts';
import type { AdminOptions } from '../options.ts';
import { isOurs, type TokenPair } from '../person-tokens.ts';
import { type AdminRoute, type Call, route } from '../route.ts';
import { message, role, tokens } from '../schemas.ts';

const name = z.string().min(1).max(128).describe('Name of an account');
/** So long that nobody types it, and short enough to be hashed by everybody who likes to. */
const password = z.string().min(1).max(1024);
const jwt = z.string().min(1).max(4096);

const answerOf = (person: Person, pair: TokenPair) => ({
  token: pair.access,
  status: 'success' as const,
  expires_in: pair.expiresIn,
  refresh_token: pair.refresh,
  role: person.role,
});

/** Login, and what becomes of it. */
export function peopleRoutes(options: AdminOptions): AdminRoute[] {
  const { login, tokens: pairs, people } = options;
  return [
    route({
      method: 'post',
      path: '/login',
      operation: 'login',
      summary: 'Lets somebody in by name and password',
      roles: 'everybody',
      body: z.strictObject({ username: name, password }),
      answer: tokens,
      target: ({ body }) => body.username,
      handle: async ({ body, address, response }) => {
        const account = await login.check(body.username, body.password, address);
        response.locals.actor = account;
        return answerOf(account, pairs.issue(account));
      },
    }),
    route({
      method: 'post',
      path: '/refresh-token',
      operation: 'refresh-token',
      summary: 'New tokens for a refresh token, which is used up',
      roles: 'everybody',
      body: z.strictObject({ refresh_token: jwt }),
      answer: tokens,
      handle: async ({ body, response }) => {
        const { person, tokens: pair } = await pairs.refresh(body.refresh_token);
        response.locals.actor = person;
        return answerOf(person, pair);
      },
    }),
    route({
      method: 'post',
      path: '/logout',
      operation: 'logout',
      summary: 'Ends the login that the token came from: all its tokens',
      roles: ROLES,
      answer: z.object({ message }),
      handle: async ({ request }) => {
        const token = bearerOf(request.headers.authorization);
        if (!isOurs(token))
          throw new AppError('request.invalid', 'This token is its issuer’s to take back: log out there');
        await pairs.revoke(token);
        return { message: 'Logged out' };
      },
    }),
    route({
      method: 'get',
      path: '/whoami',
      operation: 'whoami',
      summary: 'Who the token is for',
      roles: ROLES,
      answer: z.object({ name: z.string(), role }),
      handle: async ({ person }: Call) => ({ name: known(person).name, role: known(person).role }),
    }),
    usersRoute(people),
  ];
}

function usersRoute(people: AdminOptions['people']): AdminRoute {
  return route({
    method: 'get',
    path: '/users',
    operation: 'users',
    summary: 'Accounts, and whose tokens are accepted besides',
    roles: ['admin'],
    answer: z.object({
      users: z.array(z.object({ name: z.string(), role })),
      oidc: z.object({ issuer: z.string(), audience: z.string() }).optional(),
    }),
    handle: async () => {
      const { accounts, issuer } = people();
      return {
        users: accounts.map((account) => ({ name: account.name, role: account.role })),
        ...(issuer ? { oidc: { issuer: issuer.issuer, audience: issuer.audience } } : {}),
      };
    },
  });
}

function known(person: Person | undefined): Person {
  if (!person) throw new TypeError('a route without roles has no person');
  return person;
}
