// The page's own copy of the document: what a browser needs to send, said the way Swagger UI understands it.

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/** Follow a `$ref` within the document (RFC 6901); anything else stays as it is. */
function resolve(document, value) {
  if (typeof value?.$ref !== "string" || !value.$ref.startsWith("#/")) return value;
  const unescape = (step) => decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~");
  const steps = value.$ref.slice(2).split("/").map(unescape);
  return steps.reduce((holder, step) => holder?.[step], document);
}

function isAuthorization(document, parameter) {
  const { name, in: place } = resolve(document, parameter) ?? {};
  return place === "header" && typeof name === "string" && name.toLowerCase() === "authorization";
}

/** Whether a security scheme fills `Authorization` itself. */
function fillsAuthorization(scheme) {
  if (scheme?.type === "apiKey") return scheme.in === "header" && scheme.name?.toLowerCase() === "authorization";
  return ["http", "oauth2", "openIdConnect"].includes(scheme?.type);
}

/**
 * A copy of a document for Swagger UI.
 *
 * A header parameter `Authorization` is ignored by whoever reads the document (OpenAPI 3.1.1 §4.8.12.1), so that the
 * page would show a field and not send it: it becomes a security scheme. The one server is this one.
 */
export function copyForPage(published, serverURL) {
  const document = structuredClone(published);
  document.servers = [{ url: serverURL }];
  const schemes = (document.components ??= {}).securitySchemes ??= {};
  let name = "Authorization";
  while (name in schemes) name += "_";

  for (const reference of Object.values(document.paths ?? {})) {
    const item = resolve(document, reference);
    if (!item) continue;
    const shared = item.parameters?.find((parameter) => isAuthorization(document, parameter));
    for (const method of METHODS.filter((method) => item[method])) {
      const operation = item[method];
      const parameter = operation.parameters?.find((parameter) => isAuthorization(document, parameter)) ?? shared;
      delete operation.servers;
      if (!parameter) continue;
      operation.parameters = operation.parameters?.filter((parameter) => !isAuthorization(document, parameter));
      const { required, description } = resolve(document, parameter);
      const asked = operation.security ?? document.security ?? [];
      const names = asked.flatMap((one) => Object.keys(one));
      if (names.some((one) => fillsAuthorization(resolve(document, schemes[one])))) continue;
      schemes[name] ??= {
        type: "http",
        scheme: "bearer",
        description: description ?? `A token, without the word Bearer${required ? "" : "; it may be left out"}.`,
      };
      // No empty alternative, though the token may be left out: Swagger UI shows one as a lock that is closed.
      operation.security = (asked.length ? asked : [{}]).map((one) => ({ ...one, [name]: [] }));
    }
    if (shared) item.parameters = item.parameters.filter((parameter) => !isAuthorization(document, parameter));
    delete item.servers;
  }
  return document;
}
