import { AppError } from '../core/errors.ts';

/** The token of an `Authorization` header (RFC 6750, section 2.1). Throws `auth.missing`. */
export function bearerOf(header: string | undefined): string {
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? '')?.[1];
  if (token === undefined)
    throw new AppError('auth.missing', 'The header `Authorization: Bearer` with the token of POST login is missing');
  return token;
}
