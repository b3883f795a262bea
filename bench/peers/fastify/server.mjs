// The program: Fastify with compiled schemas, pg with a pool, named (so prepared) statements.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import Fastify from "fastify";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 32 });
const digestOf = (token) => createHash("sha256").update(token).digest();

const find = { name: "find", text: "SELECT org_id, scopes, env, revoked_at FROM api_keys WHERE digest = $1" };
const insert = {
  name: "insert",
  text: `INSERT INTO api_keys (id, org_id, prefix, digest, name, scopes, env, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
};

await pool.query(`CREATE TABLE api_keys (
  id uuid PRIMARY KEY, org_id uuid NOT NULL, prefix text NOT NULL UNIQUE, digest bytea NOT NULL UNIQUE,
  name text NOT NULL, scopes text[] NOT NULL, env text NOT NULL,
  last_used_at text, revoked_at text, created_at text NOT NULL)`);
await pool.query("CREATE INDEX ON api_keys (org_id)");
await pool.query({
  ...insert,
  values: [randomUUID(), randomUUID(), "root", digestOf(process.env.BENCH_TOKEN), "root", ["*"], "live", ""],
});

const text = { type: "string" };
const nullable = { type: ["string", "null"] };
const schema = {
  body: {
    type: "object",
    required: ["name"],
    properties: {
      name: { ...text, minLength: 2, maxLength: 120 },
      scopes: { type: "array", items: text, default: [] },
      env: { ...text, pattern: "^(test|live)$", default: "test" },
    },
  },
  response: {
    201: {
      type: "object",
      properties: {
        id: text, org_id: text, prefix: text, name: text, scopes: { type: "array", items: text },
        last_used_at: nullable, revoked_at: nullable, created_at: text, token: text,
      },
    },
  },
};

const app = Fastify();
app.post("/v1/api-keys", { schema }, async (request, reply) => {
  const given = (request.headers.authorization ?? "").replace(/^Bearer /i, "");
  const caller = (await pool.query({ ...find, values: [digestOf(given)] })).rows[0];
  if (caller === undefined || caller.revoked_at !== null) return reply.code(401).send();
  if (!caller.scopes.some((scope) => scope === "*" || scope === "api-keys:write")) return reply.code(403).send();
  const { name, scopes, env } = request.body;
  const key = {
    id: randomUUID(), org_id: caller.org_id, prefix: `imt_${env}_${randomBytes(6).toString("base64url")}`, name, scopes,
    last_used_at: null, revoked_at: null, created_at: new Date().toISOString(),
  };
  const token = `${key.prefix}${randomBytes(24).toString("base64url")}`;
  await pool.query({
    ...insert,
    values: [key.id, key.org_id, key.prefix, digestOf(token), name, scopes, env, key.created_at],
  });
  return reply.code(201).send({ ...key, token });
});
process.on("SIGTERM", () => process.exit(0));
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
