//! Tests of the JSON layout.

use super::*;

fn text(raw: &str, columns: usize) -> Vec<String> {
    folded(raw, columns, &[])
}

fn folded(raw: &str, columns: usize, folded: &[usize]) -> Vec<String> {
    let lines = lay_out(raw, columns, |number| folded.contains(&number));
    lines.iter().map(|line| line.pieces.iter().map(|(text, _)| text.as_str()).collect()).collect()
}

#[test]
fn an_event_is_laid_out_in_short_lines_in_its_order() {
    let raw =
        r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"b24b68f6","output_type":1,"body":"https://h/…?auth=hidden"}}"#;
    assert_eq!(
        text(raw, 60),
        [
            r#"{"data": {"#,
            r#"  "type": "X-DPT-CAB-REQUEST-ID", "id": "b24b68f6","#,
            r#"  "output_type": 1, "body": "https://h/…?auth=hidden" }}"#,
        ]
    );
    let lines = lay_out(raw, 60, |_| false);
    let hidden: Vec<_> =
        lines.iter().flat_map(|line| &line.pieces).filter(|(_, ink)| *ink == TokenColor::Hidden).collect();
    assert_eq!(hidden, [&("hidden".to_owned(), TokenColor::Hidden)]);
    assert_eq!(lines.iter().filter(|line| line.locked).count(), 1);
}

#[test]
fn each_kind_of_value_has_its_colour() {
    let inks: Vec<(String, TokenColor)> = lay_out(r#"{"a":-1.5,"b":[true,null,"true"]}"#, 80, |_| false)
        .into_iter()
        .flat_map(|line| line.pieces)
        .filter(|(_, ink)| *ink != TokenColor::Mark)
        .collect();
    let inks: Vec<(&str, TokenColor)> = inks.iter().map(|(text, ink)| (text.as_str(), *ink)).collect();
    let expected = [
        ("\"a\"", TokenColor::Name),
        ("-1.5", TokenColor::Number),
        ("\"b\"", TokenColor::Name),
        ("true", TokenColor::Word),
        ("null", TokenColor::Word),
        ("\"true\"", TokenColor::Text),
    ];
    assert_eq!(inks, expected);
}

#[test]
fn a_value_with_commas_and_brackets_is_one_value() {
    assert_eq!(text(r#"{"a":"x, {y}: [\"z\"]","b":[]}"#, 80), [r#"{"a": "x, {y}: [\"z\"]", "b": []}"#]);
}

const NESTED: &str = r#"{"data":{"type":"new","tags":["a","b"],"owner":{"name":"a long name that fills a line","at":{"x":1,"y":[]}},"more":[{"id":1},{"id":2,"words":"as long as a line is wide, and more"}],"n":1}}"#;

#[test]
fn every_object_and_list_begins_a_line_that_folds_it() {
    assert_eq!(
        text(NESTED, 40),
        [
            r#"{"data": {"#,
            r#"  "type": "new", "#,
            r#"  "tags": ["a", "b"],"#,
            r#"  "owner": {"#,
            r#"    "name": "a long name that fills a li"#,
            r#"    ne", "#,
            r#"    "at": {"x": 1, "y": []} },"#,
            r#"  "more": ["#,
            r#"    {"id": 1},"#,
            "    {",
            r#"      "id": 2,"#,
            r#"      "words": "as long as a line is wid"#,
            r#"      e, and more" } ],"#,
            r#"  "n": 1 }}"#,
        ]
    );
    let folds: Vec<_> = lay_out(NESTED, 40, |_| false).into_iter().filter_map(|line| line.fold).collect();
    let words: Vec<&str> = folds.iter().map(|fold| fold.words.as_str()).collect();
    let expected =
        ["tags, 2 items", "owner, 2 members", "at, 2 members", "more, 2 items", "item, 1 member", "item, 2 members"];
    assert_eq!(words, expected);
    assert!(folds.iter().all(|fold| fold.open));
}

#[test]
fn a_folded_value_shows_its_number_of_members() {
    let numbers: Vec<_> =
        lay_out(NESTED, 80, |_| false).into_iter().filter_map(|line| line.fold).map(|fold| fold.number).collect();
    assert_eq!(
        folded(NESTED, 80, &numbers),
        [
            r#"{"data": {"#,
            r#"  "type": "new", "#,
            r#"  "tags": […] 2 items,"#,
            r#"  "owner": {…} 2 members,"#,
            r#"  "more": […] 2 items,"#,
            r#"  "n": 1 }}"#,
        ]
    );
}

#[test]
fn a_cut_value_can_be_folded_too() {
    let cut = format!(r#"{{"data":{{"list":[{}"#, "123,".repeat(MAX_TEXT));
    let lines = lay_out(&cut, 60, |_| false);
    let number = lines.iter().find_map(|line| line.fold.as_ref()).unwrap().number;
    let lines = folded(&cut, 60, &[number]);
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with(r#"  "list": […] "#) && lines[1].ends_with(" items or more"), "{lines:?}");
}

#[test]
fn text_that_is_not_json_is_shown_too() {
    assert_eq!(text("no json at all", 40), ["no json at all"]);
    assert_eq!(text("", 40), [""]);
    assert_eq!(text("\"unfinished", 40), ["\"unfinished"]);
}

#[test]
fn a_megabyte_is_cut_and_every_line_keeps_its_width() {
    let raw = format!(r#"{{"data":{{"body":"{}"}}}}"#, "ü".repeat(500_000));
    let lines = lay_out(&raw, 64, |_| false);
    assert!(lines.len() < MAX_TEXT / 64 + 10, "{} lines", lines.len());
    for line in &lines {
        let width: usize = line.pieces.iter().map(|(text, _)| text.chars().count()).sum();
        assert!(width <= 64, "a line of {width} characters");
    }
}
