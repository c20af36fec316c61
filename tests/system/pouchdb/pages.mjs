// Two people look at a page, each with a browser of their own; one of them goes offline for a while, and both change the same.
// Called with the addresses of the page and of the database, and the program of the browser; prints what the pages show.

import { createRequire } from "node:module";
import path from "node:path";

const [peers, chromium, page, server] = process.argv.slice(2);
const require = createRequire(path.join(peers, "package.json"));
const browser = await require("playwright-core").chromium.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
const script = path.join(peers, "node_modules/pouchdb/dist/pouchdb.min.js");

async function visit() {
  const context = await browser.newContext();
  await context.route("https://cdn.jsdelivr.net/**", (route) => route.fulfill({ path: script }));
  const tab = await context.newPage();
  tab.on("pageerror", (error) => console.error(String(error)));
  await tab.goto(`${page}?server=${encodeURIComponent(server)}`);
  const save = async (customer, total) => {
    await tab.fill("[name=customer]", customer);
    await tab.fill("[name=total]", String(total));
    await tab.click("button");
  };
  const shows = (text) => tab.getByText(text, { exact: false }).first().waitFor({ timeout: 30_000 });
  return { context, tab, save, shows };
}

try {
  const [anna, bob] = [await visit(), await visit()];
  await anna.shows("from the office: 1");
  await anna.save("Miller", 10);
  await bob.shows("Miller: 10");

  await bob.context.setOffline(true);
  await bob.save("Miller", 12);
  await bob.shows("Miller: 12");
  await anna.save("Miller", 11);
  await anna.shows("Miller: 11");
  await bob.context.setOffline(false);
  for (const each of [anna, bob]) await each.shows("(and 1 that clash)");
  console.log(JSON.stringify(await Promise.all([anna, bob].map(({ tab }) => tab.locator("li").allTextContents()))));
} finally {
  await browser.close();
}
