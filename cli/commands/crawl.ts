import type { Command } from 'commander';
import { crawlAndWait, startCrawl } from '../lake/catalog.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { Progress } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

export function crawl(program: Command): void {
  program
    .command('crawl')
    .description('start the crawler, which adds new partitions to the catalog')
    .option('-w, --wait', 'wait until it has ended; exit 1 if it fails')
    .option('--timeout <seconds>', 'how long to wait at most', Number, 1800)
    .action(async (options: { wait?: true; timeout: number }) => {
      if (!(options.timeout > 0)) throw new UserError('--timeout must be a number of seconds above 0.');
      const target = await chosenTarget(program);
      if (!options.wait) {
        const started = await startCrawl(target);
        console.log(
          `The crawler ${started ? 'has started' : 'is already running'}. To see its result: npx sluice catalog`,
        );
        return;
      }
      const progress = new Progress();
      const beganAt = performance.now();
      await crawlAndWait(target, options.timeout, (text) => progress.show(text)).finally(() =>
        progress.end(),
      );
      console.log(`The crawl ended after ${((performance.now() - beganAt) / 1000).toFixed(1)} s.`);
    });
}
