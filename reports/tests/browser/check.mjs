// Loads a report in Chromium and checks what only a browser can tell: that it loads nothing else, says nothing on
// the console, fits a phone, prints, is accessible, and reads without JavaScript. Screenshots go to the directory
// given as the second argument.
import { readFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const file = resolve(process.argv[2]);
const shots = resolve(process.argv[3] ?? "screenshots");
const page_url = pathToFileURL(file).href;
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

let failures = 0;
const check = (name, holds, detail = "") => {
  console.log(`${holds ? "ok  " : "FAIL"} ${name}${holds || !detail ? "" : `: ${detail}`}`);
  if (!holds) failures += 1;
};

/** Opens the page in a browser of its own and hands it over, with what it requested and said. */
const open = async (options, use) => {
  const profile = mkdtempSync(join(tmpdir(), "report-check-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags, headless: true, ...options,
  });
  const page = await context.newPage();
  const requests = [];
  const messages = [];
  page.on("request", (request) => { if (!request.url().startsWith("data:")) requests.push(request.url()); });
  page.on("console", (message) => messages.push(message.text()));
  page.on("pageerror", (error) => messages.push(String(error)));
  await page.goto(page_url);
  await use(page, requests, messages);
  await context.close();
  rmSync(profile, { recursive: true, force: true });
};

mkdirSync(shots, { recursive: true });
const title = /<title>([^<]*)<\/title>/.exec(readFileSync(file, "utf8"))?.[1] ?? "";
const wide = { viewport: { width: 1280, height: 900 } };

const serious = async (page) => {
  // Through the driver: the policy of the page does not stop it.
  await page.evaluate(`${axe}; undefined`);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  check("axe looked at something", result.passes.length > 5, `${result.passes.length} rules passed`);
  return result.violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => `${violation.id} (${violation.nodes.length}): ${violation.nodes[0].html.slice(0, 160)}`);
};

for (const colorScheme of ["light", "dark"]) {
  await open({ ...wide, colorScheme }, async (page, requests, messages) => {
    check(`${colorScheme}: exactly one request`, requests.length === 1, requests.join(" "));
    check(`${colorScheme}: a title with the verdict`, (await page.title()).length > 0 && title.length > 0);
    await page.screenshot({ path: join(shots, `${colorScheme}.png`), fullPage: true });
    const found = await serious(page);
    check(`${colorScheme}: no serious accessibility violation`, found.length === 0, found.join("\n      "));
    await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
    const opened = await serious(page);
    check(`${colorScheme}: nor with everything open`, opened.length === 0, opened.join("\n      "));
    check(`${colorScheme}: a silent console`, messages.length === 0, messages.join(" | "));
  });
}

await open({ ...wide, colorScheme: "light" }, async (page) => {
  const style = () => page.$$eval(".verdict h2", (found) => getComputedStyle(found[0]).color);
  const light = await style();
  await page.emulateMedia({ colorScheme: "dark" });
  check("dark and light differ", light !== await style());
  await page.emulateMedia({ colorScheme: "light" });
  const copies = await page.$$eval("button.copy", (found) => found.filter((button) => !button.hidden).length);
  check("copy buttons appear", copies > 0 || !(await page.$("button.copy")));
  const block = await page.$(".timeline svg[data-x0]");
  if (block) {
    await block.scrollIntoViewIfNeeded();
    const box = await block.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    check("the crosshair says the time", /\d s$/.test(await page.textContent(".timeline .readout")));
    await page.focus(".timeline");
    await page.keyboard.press("ArrowRight");
    check("arrow keys step through the story", /^1: /.test(await page.textContent(".timeline .readout")));
    await page.keyboard.press("Escape");
    check("escape clears it", (await page.textContent(".timeline .readout")) === "");
  }
  const pdf = await page.pdf({ format: "A4" });
  check("it prints", pdf.length > 10_000);
});

await open({ ...wide, javaScriptEnabled: false }, async (page) => {
  const text = await page.textContent("#verdict");
  check("the verdict is there without JavaScript", text.trim().length > 2);
  check("and so are the drawings", (await page.$$("svg")).length > 0);
});

await open({ viewport: { width: 360, height: 740 } }, async (page) => {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check("it fits 360 px", width === 360, `scrollWidth ${width}`);
  await page.screenshot({ path: join(shots, "phone.png"), fullPage: false });
  await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
  const opened = await page.evaluate(() => document.documentElement.scrollWidth);
  check("also with everything open", opened === 360, `scrollWidth ${opened}`);
});

await open({ ...wide, forcedColors: "active" }, async (page) => {
  const stroke = await page.$$eval(".s", (found) => (found[0] ? getComputedStyle(found[0]).stroke : "none"));
  check("forced colours reach the lines", stroke !== "");
});

console.log(failures ? `${failures} failed` : "all passed");
process.exit(failures ? 1 : 0);
