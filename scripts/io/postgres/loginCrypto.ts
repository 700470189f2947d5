import { createHash, createHmac, pbkdf2Sync, randomBytes as random } from "node:crypto";

// What pg logs in with, in place of its own file of these names: that goes through Web Crypto, whose modules and turns
// on the thread pool make a connection wait 8 ms longer. The build puts this one in.

export const randomBytes = random;

export function md5(data: string | Buffer): string {
  return createHash("md5").update(data).digest("hex");
}

/** The answer to AuthenticationMD5Password. */
export function postgresMd5PasswordHash(user: string, password: string, salt: Buffer): string {
  return `md5${md5(Buffer.concat([Buffer.from(md5(password + user)), salt]))}`;
}

export function sha256(data: Buffer): Buffer {
  return createHash("sha256").update(data).digest();
}

/** `name` as in certificates: SHA-256. */
export function hashByName(name: string, data: Buffer): Buffer {
  return createHash(name.replace("-", "")).update(data).digest();
}

export function hmacSha256(key: Buffer, message: string | Buffer): Buffer {
  return createHmac("sha256", key).update(message).digest();
}

export function deriveKey(password: string, salt: Buffer, iterations: number): Buffer {
  return pbkdf2Sync(password, salt, iterations, 32, "sha256");
}
