//! The figures of all rounds, as a table of rows and runtimes.

use filch_benches::stats::Spread;

use crate::bounds;
use crate::child::Outcome;
use crate::rt::Runtime;

const NAME_WIDTH: usize = 30;
const COLUMN_WIDTH: usize = 30;

/// What was measured for one row of the command line, on every runtime.
pub(crate) struct Table {
    title: String,
    columns: Vec<Column>,
}

/// One runtime.
struct Column {
    runtime: Runtime,
    is_offered: bool,
    rounds: u32,
    hung: u32,
    failures: Vec<String>,
    figures: Vec<(String, Vec<f64>)>,
}

impl Table {
    /// Empty, with a column for each of them; `is_offered` says whether there is anything to measure.
    pub(crate) fn new(
        title: String,
        runtimes: &[Runtime],
        is_offered: impl Fn(Runtime) -> bool,
    ) -> Table {
        let column = |&runtime| Column {
            runtime,
            is_offered: is_offered(runtime),
            rounds: 0,
            hung: 0,
            failures: Vec::new(),
            figures: Vec::new(),
        };
        Table { title, columns: runtimes.iter().map(column).collect() }
    }

    /// Takes one more round.
    pub(crate) fn push(&mut self, runtime: Runtime, outcome: Outcome) {
        let Some(column) = self.columns.iter_mut().find(|column| column.runtime == runtime) else {
            return;
        };
        column.rounds += 1;
        match outcome {
            Outcome::Hung => column.hung += 1,
            Outcome::Failed(reason) => column.failures.push(reason),
            Outcome::Measured(figures) => {
                for (name, value) in figures {
                    match column.figures.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, values)) => values.push(value),
                        None => column.figures.push((name, vec![value])),
                    }
                }
            }
        }
    }

    /// Prints it. Says whether filch meets every bound, or those of counts only if `is_smoke_test`.
    pub(crate) fn print(&self, is_smoke_test: bool) -> bool {
        let (text, passed) = self.text(is_smoke_test);
        print!("{text}");
        passed
    }

    fn text(&self, is_smoke_test: bool) -> (String, bool) {
        let mut text = format!("\n{}\n{:<NAME_WIDTH$}", self.title, "median (range)");
        for column in &self.columns {
            text += &format!("{:<COLUMN_WIDTH$}", column.runtime.name());
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        let mut passed = true;
        for name in self.names() {
            let mut line = format!("{name:<NAME_WIDTH$}");
            for column in &self.columns {
                line += &format!("{:<COLUMN_WIDTH$}", column.cell(name));
            }
            if let Some(bound) = bounds::of(name) {
                let filch = self.columns.iter().find(|column| column.runtime == Runtime::Filch);
                if let Some(figures) = filch.and_then(|column| column.spread(name)) {
                    let is_met = bound.is_met_by(&figures);
                    passed &= is_met || (is_smoke_test && !bound.is_of_counts());
                    line += &format!("{bound}: {}", if is_met { "held" } else { "missed" });
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        for column in &self.columns {
            let name = column.runtime.name();
            if column.hung > 0 {
                text += &format!("HUNG    {name}: {} of {} rounds\n", column.hung, column.rounds);
            }
            for failure in &column.failures {
                text += &format!("FAILED  {name}: {failure}\n");
            }
            let is_ours = column.runtime == Runtime::Filch;
            passed &= !is_ours || (column.hung == 0 && column.failures.is_empty());
        }
        (text, passed)
    }

    /// The figures that any runtime has, in the order in which they were measured.
    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for (name, _) in self.columns.iter().flat_map(|column| &column.figures) {
            if !names.contains(&name.as_str()) {
                names.push(name.as_str());
            }
        }
        names
    }
}

impl Column {
    fn spread(&self, name: &str) -> Option<Spread> {
        let (_, values) = self.figures.iter().find(|(known, _)| known == name)?;
        Some(Spread::of(values))
    }

    fn cell(&self, name: &str) -> String {
        if !self.is_offered {
            return "not offered".to_owned();
        }
        match self.spread(name) {
            Some(spread) if spread.min == spread.max && spread.min.fract() == 0.0 => {
                format!("{:.0}", spread.median)
            }
            Some(spread) if spread.min == spread.max => format!("{:.3}", spread.median),
            Some(spread) if spread.median >= 100.0 => {
                format!("{spread:.0}").trim_start().to_owned()
            }
            Some(spread) => format!("{spread:.3}").trim_start().to_owned(),
            None if self.hung > 0 => "HUNG".to_owned(),
            None => "-".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(figures: &[(&str, f64)]) -> Outcome {
        Outcome::Measured(figures.iter().map(|&(name, value)| (name.to_owned(), value)).collect())
    }

    fn table() -> Table {
        Table::new("spin".to_owned(), &[Runtime::Filch, Runtime::Tokio], |_| true)
    }

    #[test]
    fn a_bound_is_filchs_alone() {
        let mut table = table();
        table.push(Runtime::Filch, measured(&[("timer p99, ms", 1.5)]));
        table.push(Runtime::Tokio, measured(&[("timer p99, ms", 1500.0)]));
        let (text, passed) = table.text(false);
        assert!(passed, "{text}");
        assert!(text.contains("1.500  "), "{text}");
        assert!(text.contains("<= 2: held"), "{text}");
    }

    #[test]
    fn a_missed_bound_fails_unless_it_is_a_time_in_a_smoke_test() {
        let mut table = table();
        table.push(Runtime::Filch, measured(&[("timer p99, ms", 2.5)]));
        assert!(!table.text(false).1);
        assert!(table.text(true).1);
        table.push(Runtime::Filch, measured(&[("queued tasks run, of 1000", 999.0)]));
        assert!(!table.text(true).1);
    }

    #[test]
    fn a_hang_or_a_failure_of_filch_fails_and_a_peers_is_told() {
        let mut table = table();
        table.push(Runtime::Filch, measured(&[("switches", 0.0)]));
        table.push(Runtime::Tokio, Outcome::Hung);
        let (text, passed) = table.text(false);
        assert!(passed && text.contains("HUNG    tokio: 1 of 1 rounds"), "{text}");
        table.push(Runtime::Filch, Outcome::Failed("no threads".to_owned()));
        let (text, passed) = table.text(true);
        assert!(!passed && text.contains("FAILED  filch: no threads"), "{text}");
        let mut hung = self::table();
        hung.push(Runtime::Filch, Outcome::Hung);
        assert!(!hung.text(true).1);
    }

    #[test]
    fn what_a_runtime_does_not_have_is_said() {
        let mut table =
            Table::new("monitor".to_owned(), &[Runtime::Filch, Runtime::Nio], |runtime| {
                runtime == Runtime::Filch
            });
        table.push(Runtime::Filch, measured(&[("yield, on/off", 0.999)]));
        assert!(table.text(false).0.contains("not offered"));
    }
}
