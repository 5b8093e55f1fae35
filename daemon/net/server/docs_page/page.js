"use strict";
// Draws /openapi.json. Only text nodes are made, so nothing in the document can become markup.

const VERBS = ["get", "post", "put", "patch", "delete"];

function make(tag, options = {}, ...children) {
  const { text, ...attributes } = options;
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

const nameOf = (reference) => reference.split("/").at(-1);

function resolve(api, item) {
  if (!item || !item.$ref) return item;
  return item.$ref.slice(2).split("/").reduce((part, key) => part[key], api);
}

function typeOf(schema) {
  if (!schema || Object.keys(schema).length === 0) return ["anything"];
  if (schema.$ref) return [make("a", { href: "#schema-" + nameOf(schema.$ref), text: nameOf(schema.$ref) })];
  const options = schema.oneOf || schema.anyOf;
  if (options) return options.flatMap((option, at) => (at ? [" or ", ...typeOf(option)] : typeOf(option)));
  if (schema.enum) return [schema.enum.join(" | ")];
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items)];
  if (schema.type === "object" && typeof schema.additionalProperties === "object")
    return ["map of ", ...typeOf(schema.additionalProperties)];
  return [schema.format ? `${schema.type} (${schema.format})` : schema.type];
}

function bounds(schema) {
  const names = ["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "pattern", "default"];
  return names
    .filter((name) => schema[name] !== undefined && Math.abs(schema[name]) !== Number.MAX_SAFE_INTEGER)
    .map((name) => `${name} ${JSON.stringify(schema[name])}`)
    .concat((schema.examples || []).map((example) => `e.g. ${JSON.stringify(example)}`))
    .join(", ");
}

function row(name, required, schema, words) {
  const inner = (schema.anyOf || []).find((option) => option.type !== "null") || schema;
  const about = [words || schema.description, bounds({ ...inner, ...schema })].filter(Boolean).join(" · ");
  return make("tr", {},
    make("td", {}, make("code", { text: name, class: required ? "required" : "optional" })),
    make("td", {}, ...typeOf(schema)),
    make("td", { class: "soft", text: about }));
}

function properties(schema) {
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([name, part]) => row(name, required.has(name), part));
  return make("table", {}, ...rows);
}

function answers(api, operation) {
  const rows = Object.entries(operation.responses).map(([status, reference]) => {
    const response = resolve(api, reference);
    const content = Object.entries(response.content || {});
    const shown = content.flatMap(([kind, { schema }]) => (schema ? typeOf(schema) : [kind]));
    return make("tr", {}, make("td", {}, make("code", { text: status })), make("td", {}, ...shown),
      make("td", { class: "soft", text: response.description }));
  });
  return make("table", {}, ...rows);
}

function drawOperation(api, path, verb, operation) {
  const section = make("section", { id: operation.operationId },
    make("h3", {}, make("span", { class: "verb", text: verb.toUpperCase() }), path),
    make("div", { text: operation.summary }),
    make("div", { class: "soft", text: operation.description }));
  const parameters = operation.parameters.map((reference) => resolve(api, reference));
  if (parameters.length) {
    const rows = parameters.map((p) => row(`${p.name} (${p.in})`, p.required, p.schema, p.description));
    section.append(make("h4", { text: "Parameters · 参数" }), make("table", {}, ...rows));
  }
  const body = operation.requestBody && operation.requestBody.content["application/json"];
  if (body) {
    section.append(make("h4", {}, "Body · 请求体: ", ...typeOf(body.schema)));
    section.append(properties(resolve(api, body.schema)));
  }
  section.append(make("h4", { text: "Answers · 响应" }), answers(api, operation));
  return section;
}

function drawSchema(name, schema) {
  const section = make("section", { id: "schema-" + name }, make("h3", { text: name }));
  if (schema.description) section.append(make("div", { class: "soft", text: schema.description }));
  section.append(schema.properties ? properties(schema) : make("div", {}, ...typeOf(schema)));
  return section;
}

function entry(contents, href, text, section) {
  const link = make("a", { href, text });
  contents.append(link);
  return { link, section, words: `${text} ${section.textContent}`.toLowerCase() };
}

function draw(api) {
  const [contents, main] = [document.getElementById("contents"), document.getElementById("operations")];
  document.getElementById("version").textContent = api.info.version;
  main.replaceChildren(make("p", { class: "soft", text: api.info.description }));
  const entries = [];
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    VERBS.filter((verb) => item[verb]).map((verb) => [path, verb, item[verb]]));
  for (const { name } of api.tags) {
    contents.append(make("h2", { text: name }));
    for (const [path, verb, operation] of operations.filter(([, , o]) => o.tags[0] === name)) {
      const section = drawOperation(api, path, verb, operation);
      main.append(section);
      entries.push(entry(contents, "#" + operation.operationId, `${verb.toUpperCase()} ${path}`, section));
    }
  }
  contents.append(make("h2", { text: "Schemas" }));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const section = drawSchema(name, schema);
    main.append(section);
    entries.push(entry(contents, "#schema-" + name, name, section));
  }
  document.getElementById("search").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const { link, section, words } of entries) link.hidden = section.hidden = !words.includes(wanted);
  });
  if (location.hash) location.replace(location.hash);
}

fetch("/openapi.json")
  .then((response) => response.json())
  .then(draw)
  .catch((error) => {
    document.getElementById("operations").textContent = `The document could not be read: ${error.message}`;
  });
