// Shows the document in Swagger UI and, under `dev`, follows its edits.

import { copyForPage } from "./copy.js";

const INTERVAL = 1000; // milliseconds between two questions for an edit
const { basePath, changes: changesURL } = document.documentElement.dataset;
const here = new URL(".", location.href).pathname.replace(/\/$/, "");
const news = document.getElementById("news");

let ui = null;
let edition = null; // the entity tag of the document that is shown

/** GET what has changed since `etag`; null where nothing has. */
async function getChanged(url, etag) {
  const headers = etag ? { "If-None-Match": etag } : {};
  const answer = await fetch(url, { headers, cache: "no-store" });
  if (answer.status === 304) return null;
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return { etag: answer.headers.get("ETag"), value: await answer.json() };
}

/** People paste a token with its scheme as often as without. */
function requestInterceptor(request) {
  const value = request.headers?.Authorization;
  if (value) request.headers.Authorization = value.replace(/^Bearer\s+Bearer\s+/i, "Bearer ");
  return request;
}

async function show() {
  const changed = await getChanged("openapi.json", edition);
  if (changed === null) return;
  const spec = copyForPage(changed.value, here + basePath || "/");
  document.title = spec.info?.title ?? "API";
  if (ui === null) {
    const operations = Object.keys(spec.paths ?? {}).length;
    ui = SwaggerUIBundle({
      spec,
      dom_id: "#swagger-ui",
      validatorUrl: null,
      tryItOutEnabled: true,
      docExpansion: operations === 1 ? "full" : "list",
      requestInterceptor,
    });
  } else {
    ui.specActions.updateSpec(JSON.stringify(spec));
  }
  edition = changed.etag;
}

function tell(title, lines, faulty) {
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => (news.hidden = true));
  const heading = document.createElement("h2");
  heading.textContent = title;
  const list = document.createElement("ul");
  for (const line of lines) {
    const item = document.createElement("li");
    item.textContent = line;
    item.className = faulty ? "breaks" : line.split(" ", 1)[0];
    list.append(item);
  }
  news.replaceChildren(close, heading, list);
  news.classList.toggle("faulty", faulty);
  news.hidden = false;
}

let asked = null; // the entity tag of what was told last

async function follow() {
  const told = await getChanged(changesURL, asked);
  if (told === null) return;
  const { edition: inForce, changes, faults } = told.value;
  const isNew = inForce !== edition || asked !== null;
  await show();
  if (faults.length) tell("The document on disk is not in force", faults, true);
  else if (isNew && changes.length) tell("Edited: what callers notice", changes, false);
  else if (isNew) tell("Edited: nothing that callers notice", [], false);
  asked = told.etag;
}

/** Ask again and again while somebody looks. A service that does not answer is being started again. */
async function keepFollowing() {
  if (document.visibilityState === "visible") await follow().catch(() => {});
  setTimeout(keepFollowing, INTERVAL);
}

await show();
if (changesURL) await keepFollowing();
