//! Prints the figures as a table and writes them as JSON.

use serde_json::{Value, json};

/// A figure and its baseline, measured in the same run.
pub(crate) struct Row {
    pub(crate) figure: &'static str,
    pub(crate) baseline: &'static str,
    pub(crate) measured: f64,
    pub(crate) against: f64,
    /// The ratio that is aimed at.
    pub(crate) goal: &'static str,
}

impl Row {
    /// `None` if there is no baseline.
    fn ratio(&self) -> Option<f64> {
        (self.against > 0.0).then(|| self.measured / self.against)
    }

    /// The row as it is written to the JSON file.
    pub(crate) fn to_json(&self) -> Value {
        let Self { figure, baseline, measured, against, goal } = self;
        let (measured, against, ratio) = (rounded(*measured), rounded(*against), self.ratio().map(rounded));
        json!({
            "figure": figure, "measured": measured, "baseline": baseline, "against": against, "ratio": ratio, "goal": goal,
        })
    }
}

/// Rounds to three decimal places.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

pub(crate) fn print(rows: &[Row]) {
    println!("| figure | measured | baseline | baseline measured | ratio | goal |");
    println!("|---|---:|---|---:|---:|---|");
    for row in rows {
        let Row { figure, baseline, measured, against, goal } = row;
        let (measured, against) = (shown(*measured), shown(*against));
        let ratio = row.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("| {figure} | {measured} | {baseline} | {against} | {ratio} | {goal} |");
    }
}

/// Formats large numbers without decimals and in groups of three, small ones with one or two decimals.
fn shown(number: f64) -> String {
    if number < 10.0 {
        return format!("{number:.2}");
    }
    if number < 1_000.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
