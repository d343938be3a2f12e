//! The manual page: one page for the program and its subcommands, made from the definition of the command line.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::texts::{self, Notes};

/// Renders the page in roff. `command` is the whole definition of the command line.
pub(super) fn render(command: Command) -> io::Result<String> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    // An empty date would be left out, and what follows it taken for the date.
    let man = Man::new(with_usage(command.clone())).date(" ").manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    write_paragraphs(&mut page, texts::PROGRAM.paragraphs)?;
    man.render_options_section(&mut page)?;
    heading(&mut page, "COMMANDS")?;
    for subcommand in command.get_subcommands() {
        write_subcommand(&mut page, subcommand)?;
    }
    let codes: Vec<_> = texts::EXIT_CODES.iter().map(|(code, meaning)| (code.to_string(), *meaning)).collect();
    write_list(&mut page, "EXIT STATUS", codes.iter().map(|(code, meaning)| (code.as_str(), *meaning)))?;
    write_list(&mut page, "ENVIRONMENT", texts::ENVIRONMENT.iter().copied())?;
    write_list(&mut page, "FILES", texts::FILES.iter().copied())?;
    let of_subcommands = command.get_subcommands().filter_map(|subcommand| texts::notes_of(subcommand.get_name()));
    let notes = std::iter::once(&texts::PROGRAM).chain(of_subcommands);
    write_list(&mut page, "EXAMPLES", notes.flat_map(|notes| notes.examples).copied())?;
    let page = String::from_utf8_lossy(&page);
    // Each part begins with the definitions that roff needs; the page needs them once.
    let definitions = Roff::new().render();
    Ok(definitions.clone() + &page.replace(&definitions, ""))
}

/// A subcommand: what it does, how it is called, and its options.
fn write_subcommand(page: &mut Vec<u8>, subcommand: &Command) -> io::Result<()> {
    Roff::new().control("SS", [subcommand.get_name()]).to_writer(page)?;
    // The section of the program has the options that every subcommand takes.
    let own = with_usage(subcommand.clone()).mut_args(|argument| {
        let is_common = argument.is_global_set() || argument.get_id() == "help";
        argument.hide(is_common)
    });
    let man = Man::new(own);
    let mut part = Vec::new();
    man.render_synopsis_section(&mut part)?;
    write_body(page, &part)?;
    Roff::new().control("PP", []).to_writer(page)?;
    part.clear();
    man.render_description_section(&mut part)?;
    write_body(page, &part)?;
    write_paragraphs(page, texts::notes_of(subcommand.get_name()).map_or(&[], |notes: &Notes| notes.paragraphs))?;
    part.clear();
    man.render_options_section(&mut part)?;
    write_body(page, &part)
}

/// The command with the usage line of its help, which the page shows as its synopsis.
fn with_usage(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    command.override_usage(usage)
}

/// Writes a rendered section without its heading.
fn write_body(page: &mut Vec<u8>, section: &[u8]) -> io::Result<()> {
    let section = String::from_utf8_lossy(section);
    let body = section.split_once(".SH ").and_then(|(_definitions, rest)| rest.split_once('\n'));
    page.write_all(body.map_or("", |(_heading, body)| body).as_bytes())
}

fn write_paragraphs(page: &mut Vec<u8>, paragraphs: &[&str]) -> io::Result<()> {
    let mut roff = Roff::new();
    for paragraph in paragraphs {
        roff.control("PP", []).text([roman(*paragraph)]);
    }
    roff.to_writer(page)
}

/// A section with a list: terms in bold, each with its meaning.
fn write_list<'a>(page: &mut Vec<u8>, name: &str, entries: impl Iterator<Item = (&'a str, &'a str)>) -> io::Result<()> {
    heading(page, name)?;
    let mut roff = Roff::new();
    for (term, meaning) in entries {
        let term: [Inline; 1] = [bold(term)];
        roff.control("TP", []).text(term).text([roman(meaning)]);
    }
    roff.to_writer(page)
}

fn heading(page: &mut Vec<u8>, name: &str) -> io::Result<()> {
    Roff::new().control("SH", [name]).to_writer(page)
}
