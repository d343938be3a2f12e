//! One row for each trick, and the properties that hold for any text.

use proptest::prelude::*;

use super::*;

#[test]
fn a_name_never_contains_a_path() {
    for (text, name) in [
        // Ordinary names stay.
        ("invoice.pdf", "invoice.pdf"),
        ("Größe 2 – Ω.tar.gz", "Größe 2 – Ω.tar.gz"),
        ("報告書.pdf", "報告書.pdf"),
        ("e\u{301}.txt", "e\u{301}.txt"),
        // Paths of both kinds.
        ("/etc/passwd", "passwd"),
        ("..\\..\\x.txt", "x.txt"),
        ("a/b\\c", "c"),
        ("c:\\windows\\win.ini", "win.ini"),
        ("dir/", "dir"),
        ("a/..", "a"),
        ("C:x", "C_x"),
        // Dots and spaces at the ends.
        (".hidden", "hidden"),
        ("...a.txt. . ", "a.txt"),
        (" a .txt", "a .txt"),
        ("a\u{a0}.txt\u{2003}", "a .txt"),
        // Characters that some system reserves, and controls.
        ("a<b>c:d\"e|f?g*h", "a_b_c_d_e_f_g_h"),
        ("a\0b\r\nc\u{7f}\u{85}", "a_b__c__"),
        // Characters that reverse or hide text.
        ("evil\u{202e}fdp.bin", "evil_fdp.bin"),
        ("a\u{2066}b\u{2069}\u{61c}c", "a_b__c"),
        ("in\u{200b}vis\u{feff}ible\u{ad}", "in_vis_ible_"),
        ("tag\u{e0041}ged\u{fe0f}\u{3164}", "tag_ged__"),
        ("line\u{2028}end", "line_end"),
        // Devices.
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("lpt³", "_lpt³"),
        ("aux .log", "_aux .log"),
        ("CONIN$", "_CONIN$"),
        ("com10", "com10"),
        ("console", "console"),
        // Files that would run.
        ("a.desktop", "a.desktop.download"),
        ("Invoice.pdf.LNK", "Invoice.pdf.LNK.download"),
        ("a.url. ", "a.url.download"),
        ("setup.exe", "setup.exe.download"),
        ("x.webloc", "x.webloc.download"),
        ("x.lnk::$DATA", "x.lnk__$DATA"),
        ("desktop", "desktop"),
        ("con.lnk", "_con.lnk.download"),
    ] {
        assert_eq!(safe_name(text).as_deref(), Some(name), "{text:?}");
    }
    for nothing in ["", ".", "..", "/", "../", "\\..\\", " . . ", "\u{2003}"] {
        assert_eq!(safe_name(nothing), None, "{nothing:?}");
    }
}

#[test]
fn a_long_name_is_cut_between_characters_and_keeps_its_extension() {
    let long = safe_name(&format!("{}.pdf", "é".repeat(300))).unwrap();
    assert_eq!(long, format!("{}.pdf", "é".repeat(125)));
    assert_eq!(long.len(), 254, "one byte more would be half a character");
    // An overlong extension counts as none, and the rest must not become one that runs.
    let hidden = safe_name(&format!("{}.lnk{}", "a".repeat(251), "x".repeat(100))).unwrap();
    assert!(hidden.ends_with(".download") && hidden.len() <= MAX_LENGTH, "{hidden}");
    let runs = safe_name(&format!("{}.lnk", "a".repeat(251))).unwrap();
    assert!(runs.ends_with(".download") && runs.len() <= MAX_LENGTH, "{runs}");
}

#[test]
fn a_numbered_name_has_the_number_before_its_extension() {
    assert_eq!(numbered("a.tar.gz", 2), "a.tar (2).gz");
    assert_eq!(numbered("README", 10), "README (10)");
    let long = numbered(&safe_name(&format!("{}.pdf", "é".repeat(300))).unwrap(), 2);
    assert!(long.ends_with("é (2).pdf") && long.len() <= MAX_LENGTH, "{long}");
}

#[test]
fn a_suggestion_prefers_the_known_name_then_the_context_then_the_id() {
    for (known, context, name) in [
        ("a.pdf", "invoices/2026-Q1", "a.pdf"),
        ("../..", "invoices/2026-Q1", "2026-Q1.bin"),
        ("", "exports\\report.csv", "report.csv"),
        ("", "x.lnk", "x.lnk.download"),
        ("", "", "data-b24b68f6.bin"),
        ("", " / .. ", "data-b24b68f6.bin"),
    ] {
        assert_eq!(suggestion(known, context, "b24b68f6-0000-4000"), name, "{known} {context}");
    }
    assert_eq!(suggestion("", "", "///"), "data-.bin", "an id may be any text");
}

/// The properties of every safe name.
fn assert_safe(name: &str) {
    assert!(!name.is_empty() && name.len() <= MAX_LENGTH, "{name:?}");
    assert!(!name.contains(['/', '\\', ':', '\0']) && !name.chars().any(is_forbidden), "{name:?}");
    assert_eq!(trimmed(name), name, "{name:?}");
    assert!(!is_executable(name) && !is_device(name), "{name:?}");
    assert_eq!(std::path::Path::new(name).components().count(), 1, "{name:?}");
    assert_eq!(safe_name(name).as_deref(), Some(name), "a safe name changes");
}

proptest! {
    #[test]
    fn every_name_is_safe_and_stays_unchanged(text in hostile()) {
        if let Some(name) = safe_name(&text) {
            assert_safe(&name);
            let second = numbered(&name, 2);
            prop_assert!(second.len() <= MAX_LENGTH && second != name, "{second:?}");
            prop_assert!(!second.contains(['/', '\\']) && trimmed(&second) == second, "{second:?}");
        }
    }
}

/// Texts made of parts of tricks, often long.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-z.]{0,8}",
        prop::sample::select(vec![
            "..",
            ".",
            " ",
            "/",
            "\\",
            "con",
            "com¹",
            "nul",
            ".lnk",
            ".desktop",
            ".exe",
            "\u{202e}",
            "\u{200d}",
            "é",
            ".",
            ".download",
            "%",
            "\"",
        ])
        .prop_map(str::to_owned),
        (1..260_usize).prop_map(|count| "x".repeat(count)),
        (1..130_usize).prop_map(|count| "ü".repeat(count)),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}
