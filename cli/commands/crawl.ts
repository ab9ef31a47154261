import type { Command } from 'commander';
import { crawlAndWait, startCrawl } from '../lake/catalog.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { Progress } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

export function crawl(program: Command): void {
  program
    .command('crawl')
    .description('start the crawler, which adds partitions that are new to the catalog')
    .option('-w, --wait', 'wait until it has ended; exit 1 when it fails')
    .option('--timeout <seconds>', 'how long to wait at the most', Number, 1800)
    .action(async (options: { wait?: true; timeout: number }) => {
      if (!(options.timeout > 0)) throw new UserError('--timeout takes a number of seconds above 0.');
      const target = await chosenTarget(program);
      if (!options.wait) {
        const started = await startCrawl(target);
        console.log(
          `The crawler ${started ? 'has started' : 'runs already'}. How it ends: npx sluice catalog`,
        );
        return;
      }
      const progress = new Progress();
      const beganAt = performance.now();
      await crawlAndWait(target, options.timeout, (text) => progress.show(text)).finally(() =>
        progress.end(),
      );
      console.log(`The crawl has ended after ${((performance.now() - beganAt) / 1000).toFixed(1)} s.`);
    });
}
