//! Measures a frame of the whole window, scrolled to random positions with the details open, against a bare table of static
//! strings; the same frame while messages arrive; and how many frames an idle window draws.

use std::time::{Duration, Instant};

use egui_extras::{Column, TableBuilder};

use crate::table::Row;
use crate::window::{FRAME, Screen, Window, wheel};
use crate::{messages, millis};

/// The numbers of rows that are compared.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Frames per round. Rounds of the window and of the baseline alternate.
const FRAMES: usize = 100;
const ROUNDS: usize = 6;
/// Messages per second while messages arrive.
const POURING: f64 = 100_000.0;

/// The rows for the table of results.
pub(crate) fn rows(most: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut smallest = None;
    for size in SIZES.into_iter().filter(|&size| size <= most) {
        let mut window = Window::with_rows(size);
        let mut bare = Bare::with_rows(size);
        if size == most {
            rows.push(Row {
                figure: "frames at rest, in a minute",
                baseline: "what changes visibly: the chart of the last hour, once",
                measured: f64::from(window.frames_at_rest()),
                against: 1.0,
                goal: "at most 1.0",
            });
        }
        window.open_details();
        let mut random = fastrand::Rng::with_seed(size as u64);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for _ in 0..FRAMES {
                ours.push(window.frame(wheel(anywhere(&mut random, size))));
            }
            for _ in 0..FRAMES {
                theirs.push(bare.frame(wheel(anywhere(&mut random, size))));
            }
        }
        let median = millis(part(&mut ours, 0.5));
        rows.push(Row {
            figure: figure_of(size),
            baseline: "a bare table of static strings",
            measured: median,
            against: millis(part(&mut theirs, 0.5)),
            goal: "at most 2.0",
        });
        let first = *smallest.get_or_insert(median);
        if size == most {
            rows.push(Row {
                figure: "that frame with the most rows, ms",
                baseline: "with 1,000 rows",
                measured: median,
                against: first,
                goal: "at most 1.1",
            });
            let mut rest = paced(&mut window, size, false);
            let mut pouring = paced(&mut window, size, true);
            rows.push(Row {
                figure: "frame while 100,000 messages/s pour in, p99, ms",
                baseline: "as often at rest, p99",
                measured: millis(part(&mut pouring, 0.99)),
                against: millis(part(&mut rest, 0.99)),
                goal: "at most 8.3 ms",
            });
        }
    }
    rows
}

fn figure_of(size: usize) -> &'static str {
    match size {
        1_000 => "frame scrolled anywhere, details open, 1,000 rows, ms",
        10_000 => "the same, 10,000 rows",
        100_000 => "the same, 100,000 rows",
        _ => "the same, 1,000,000 rows",
    }
}

/// A wheel movement in points. Successive ones scatter the frames over the whole table.
#[expect(clippy::cast_precision_loss, reason = "a place, to a row or so")]
fn anywhere(random: &mut fastrand::Rng, rows: usize) -> f32 {
    (random.f32() - 0.5) * rows as f32 * 28.0
}

/// The given quantile of the frame times.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index among some hundreds"
)]
fn part(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).copied().expect("something was measured")
}

/// Draws frames at random positions, 60 per second as on a screen. If `messages_come`, each frame is preceded by the
/// messages of its interval.
fn paced(window: &mut Window, size: usize, messages_come: bool) -> Vec<Duration> {
    let each = whole((POURING * FRAME).ceil());
    let mut random = fastrand::Rng::with_seed(7);
    // As in the program, another thread reads the messages.
    let (sender, coming) = std::sync::mpsc::sync_channel(4);
    let reader = std::thread::spawn(move || {
        let mut entries = messages::entries(size + ROUNDS * FRAMES * each).skip(size).peekable();
        while entries.peek().is_some() && sender.send(entries.by_ref().take(each).collect::<Vec<_>>()).is_ok() {}
    });
    let first = coming.recv().expect("the reader reads");
    let mut coming = std::iter::once(first).chain(coming);
    let mut next = Instant::now();
    let mut frame = |window: &mut Window| {
        next += Duration::from_secs_f64(FRAME);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        // Also read if they are not shown, so that both measurements put the same load on the machine.
        let entries = coming.next().expect("the reader reads");
        if messages_come {
            window.receive(entries);
        }
        window.frame(wheel(anywhere(&mut random, size)))
    };
    let times = (0..ROUNDS * FRAMES).map(|_| frame(window)).collect();
    reader.join().expect("the reader reads");
    times
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousand messages a frame")]
fn whole(number: f64) -> usize {
    number as usize
}

/// A table with the same columns and rows in which every cell is a static string.
struct Bare {
    screen: Screen,
    rows: usize,
}

/// The text of the cells.
const CELLS: [&str; 8] = [
    "12:04:33.120",
    "Command",
    "23f7978a-5561-4718-84ca-c38d7db0843c",
    "approve device",
    "Succeeded",
    "Command completed successfully",
    "1.2 s",
    "Download",
];

impl Bare {
    fn with_rows(rows: usize) -> Self {
        Self { screen: Screen::new(), rows }
    }

    fn frame(&mut self, events: Vec<egui::Event>) -> Duration {
        let rows = self.rows;
        let draw = |ui: &mut egui::Ui| {
            let mut table = TableBuilder::new(ui).striped(true);
            for _ in CELLS {
                table = table.column(Column::exact(150.0).clip(true));
            }
            table
                .header(28.0, |mut header| {
                    for cell in CELLS {
                        header.col(|ui| {
                            ui.label(cell);
                        });
                    }
                })
                .body(|body| {
                    body.rows(28.0, rows, |mut row| {
                        for cell in CELLS {
                            row.col(|ui| {
                                ui.label(cell);
                            });
                        }
                    });
                });
        };
        self.screen.frame(events, draw).0
    }
}
