import { chromium } from 'playwright-core';
const [,, url, out, ...views] = process.argv;
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox','--disable-gpu','--disable-background-networking','--disable-component-update','--disable-sync','--no-first-run'] });
const width = Number(process.env.W ?? 1280), dark = process.env.DARK === '1';
const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: dark ? 'dark' : 'light' });
const page = await context.newPage();
page.on('console', (m) => console.log('console', m.type(), m.text()));
page.on('pageerror', (e) => console.log('pageerror', e.message));
page.on('requestfailed', (r) => console.log('failed', r.url(), r.failure()?.errorText));
page.on('response', (r) => { if (r.status() >= 400) console.log(r.status(), r.url()); });
await page.goto(url);
for (const view of views.length ? views : ['']) {
  await page.goto(new URL(url).origin + '/#/' + view);
  await page.waitForTimeout(Number(process.env.WAIT ?? 2500));
  await page.screenshot({ path: `${out}-${view.split('/')[0].replaceAll(/[^a-z]/g,'') || 'flow'}.png`, fullPage: process.env.FULL === '1' });
}
await browser.close();
