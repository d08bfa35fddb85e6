// Responds with values that need a whole engine: URL, TextEncoder, JSON, a promise.
addEventListener("fetch", (event) => event.respondWith(respond(event.request)));

async function respond(request) {
  const { pathname } = new URL(request.url);
  const bytes = await Promise.resolve(new TextEncoder().encode(pathname).length);
  return new Response(JSON.stringify({ language: "javascript", pathname, bytes }), {
    headers: { "content-type": "application/json" },
  });
}
