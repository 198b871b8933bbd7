//! The end of `reproduce`: one verdict over all experiments.

use std::{collections::BTreeMap, fmt};

use oats_harness::{Difference, Skip, TOLERANCE, Verdict};

use crate::table::{
    Column::{Number, Text},
    Table,
};

/// Most differences that are listed for a result file; all are counted.
const SHOWN: usize = 10;

/// What the experiments' verdicts come to.
#[derive(Default)]
pub(crate) struct Closing {
    /// Whether anything was run.
    ran: bool,
    /// By result file.
    verdicts: Vec<(String, Verdict)>,
    /// How many committed rows were not compared, by the reason; 0 where none were committed.
    not_compared: BTreeMap<String, usize>,
}

impl Closing {
    /// An experiment of which something was run or not, and what was left out.
    pub(crate) fn add_run(&mut self, ran: bool, skipped: &[Skip]) {
        self.ran |= ran;
        for skip in skipped {
            self.not_compared.entry(skip.reason.clone()).or_default();
        }
    }

    pub(crate) fn add(&mut self, file: String, verdict: Verdict) {
        for (reason, count) in &verdict.not_compared {
            *self.not_compared.entry(reason.clone()).or_default() += count;
        }
        self.verdicts.push((file, verdict));
    }

    /// Whether no row contradicts a committed one.
    pub(crate) fn confirms(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| verdict.confirms())
    }

    fn sum(&self, part: impl Fn(&Verdict) -> usize) -> usize {
        self.verdicts.iter().map(|(_, verdict)| part(verdict)).sum()
    }

    fn table(&self) -> Table {
        let columns = [
            ("rows", Text),
            ("agree", Number),
            ("differ", Number),
            ("moved", Number),
            ("new", Number),
            ("not compared", Number),
        ];
        let mut table = Table::new(columns);
        for (file, verdict) in &self.verdicts {
            let counts = [
                verdict.agree,
                verdict.differ.len(),
                moved(verdict),
                verdict.new,
                verdict.not_compared.values().sum(),
            ];
            let counts = counts.iter().map(usize::to_string);
            table.row([file.clone()].into_iter().chain(counts));
        }
        table
    }

    fn last_line(&self) -> String {
        let agree = self.sum(|verdict| verdict.agree);
        let differ = self.sum(|verdict| verdict.differ.len());
        let moved = self.sum(moved);
        let compared = agree + differ + moved;
        if differ > 0 {
            format!(
                "Contradicted: {differ} of {compared} rows differ from the committed ones by more than {TOLERANCE}."
            )
        } else if moved > 0 {
            format!(
                "Confirmed: {agree} of {compared} rows agree within {TOLERANCE}. Not confirmed: {moved} rows, \
                 fitted by gradient descent or embedded in 8 bits, which ends elsewhere where numbers round \
                 differently."
            )
        } else if agree > 0 {
            format!("Confirmed: all {agree} rows that could be compared agree within {TOLERANCE}.")
        } else if self.sum(|verdict| verdict.of_other_data) > 0 {
            "Nothing compared: the committed results come from other data.".to_owned()
        } else if self.sum(|verdict| verdict.new) > 0 {
            "Nothing compared: results/ has none of these rows; --bless takes them over.".to_owned()
        } else if self.ran {
            "Nothing compared: what was run, such as timings, is not held against committed rows."
                .to_owned()
        } else {
            "Nothing compared: nothing was run.".to_owned()
        }
    }
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Verdict against the committed results/\n{}",
            self.table()
        )?;
        for (_, verdict) in &self.verdicts {
            for difference in verdict.differ.iter().take(SHOWN) {
                writeln!(f, "differs: {}", told(difference))?;
            }
            if verdict.differ.len() > SHOWN {
                writeln!(f, "differs: and {} more", verdict.differ.len() - SHOWN)?;
            }
        }
        for (file, verdict) in &self.verdicts {
            for (reason, differences) in &verdict.moved {
                let most = differences.first().map_or(String::new(), told);
                let count = differences.len();
                writeln!(f, "moved: {file}: {count} rows: {reason}; the most: {most}")?;
            }
        }
        for (reason, count) in &self.not_compared {
            match count {
                0 => writeln!(f, "not compared: {reason}")?,
                _ => writeln!(f, "not compared: {count} rows: {reason}")?,
            }
        }
        write!(f, "{}", self.last_line())
    }
}

fn moved(verdict: &Verdict) -> usize {
    verdict.moved.values().map(Vec::len).sum()
}

fn told(difference: &Difference) -> String {
    format!(
        "{} {}: {} committed, {} now",
        difference.labels, difference.column, difference.committed, difference.measured
    )
}
