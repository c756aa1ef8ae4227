// Does with jose, in one process, what it is told on standard input: verifies tokens, signs claims.
import { readFileSync } from 'node:fs'
import { createLocalJWKSet, importJWK, jwtVerify, SignJWT } from 'jose'

const { alg, secret, jwks, issuer, verify = {}, sign } = JSON.parse(readFileSync(0, 'utf-8'))
const shared = secret && new TextEncoder().encode(secret)

const read = async ({ token, typ, audience }) => {
  try {
    const rules = { algorithms: [alg], issuer, audience, typ }
    return { claims: (await jwtVerify(token, alg.startsWith('HS') ? shared : createLocalJWKSet(jwks), rules)).payload }
  } catch (error) {
    return { refused: error.code ?? String(error) }
  }
}

const answer = {}
for (const [name, task] of Object.entries(verify)) answer[name] = await read(task)
if (sign) {
  const key = sign.jwk ? await importJWK(sign.jwk, alg) : shared
  answer.signed = await new SignJWT(sign.claims).setProtectedHeader({ alg, ...sign.header }).sign(key)
}
process.stdout.write(JSON.stringify(answer))
