// Comes before each of the guests here that is named after a capability.

const results = {};

async function check(name, run) {
  try {
    const value = await run();
    results[name] = value === undefined ? "undefined" : value;
  } catch (error) {
    results[name] = `${error.name} ${error.code ?? ""}: ${error.message}`;
  }
}

const bytes = (text) => new TextEncoder().encode(text);
const text = (list) => new TextDecoder().decode(list);
const report = () => Response.json(results);
