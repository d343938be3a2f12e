//! The figures as a table and as JSON.

use serde_json::{Value, json};

/// A figure and its baseline, measured in the same run.
pub(crate) struct Row {
    pub(crate) figure: &'static str,
    pub(crate) baseline: &'static str,
    pub(crate) measured: f64,
    pub(crate) against: f64,
    /// What the ratio should be.
    pub(crate) goal: &'static str,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.measured / self.against
    }

    /// For the file.
    pub(crate) fn to_json(&self) -> Value {
        let Self { figure, baseline, measured, against, goal } = self;
        let [measured, against, ratio] = [*measured, *against, self.ratio()].map(rounded);
        json!({
            "figure": figure, "measured": measured, "baseline": baseline, "against": against, "ratio": ratio, "goal": goal,
        })
    }
}

/// To three places after the point.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// Prints the table.
pub(crate) fn print(rows: &[Row]) {
    println!("| figure | measured | baseline | baseline measured | ratio | goal |");
    println!("|---|---:|---|---:|---:|---|");
    for row in rows {
        let Row { figure, baseline, measured, against, goal } = row;
        let (measured, against, ratio) = (shown(*measured), shown(*against), row.ratio());
        println!("| {figure} | {measured} | {baseline} | {against} | {ratio:.2} | {goal} |");
    }
}

/// Large numbers whole and in groups of three, small ones to a tenth.
fn shown(number: f64) -> String {
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
