use proptest::prelude::*;

use super::*;

#[test]
fn the_name_is_the_one_that_rfc_6266_means() {
    for (header, name) in [
        ("attachment; filename=\"a.pdf\"", Some("a.pdf")),
        ("attachment;filename=a.pdf", Some("a.pdf")),
        ("inline; FileName = plain name.pdf ; size=3", Some("plain name.pdf")),
        // The extended one wins, wherever it is.
        ("attachment; filename=\"old.txt\"; filename*=UTF-8''%e2%82%ac.txt", Some("€.txt")),
        ("attachment; filename*=utf-8'de'%C3%9Cber.txt; filename=old.txt", Some("Über.txt")),
        ("attachment; filename*=ISO-8859-1''%DCber.txt", Some("Über.txt")),
        // If it can't be read, the other one counts.
        ("attachment; filename*=UTF-8''%ff.txt; filename=b.txt", Some("b.txt")),
        ("attachment; filename*=UTF-8''%4; filename=b.txt", Some("b.txt")),
        ("attachment; filename*=KOI8-R''%c1; filename=b.txt", Some("b.txt")),
        ("attachment; filename*=none; filename=b.txt", Some("b.txt")),
        ("attachment; filename*=UTF-8''..; filename=b.txt", Some("b.txt")),
        // Quoted pairs, and quoted text is taken literally.
        (r#"attachment; filename="a\"b\\c;d.txt"; x=y"#, Some("c;d.txt")),
        (r#"attachment; filename="q \"x\".txt""#, Some("q _x_.txt")),
        ("attachment; x=\"; filename=evil.txt\"; filename=good.txt", Some("good.txt")),
        ("attachment; filename=\"unfinished.txt", Some("unfinished.txt")),
        // The first of two equal ones.
        ("attachment; filename=one; filename=two", Some("one")),
        // Percent signs mean nothing in a plain one.
        ("attachment; filename=\"a%20b.txt\"", Some("a%20b.txt")),
        // Hostile names are made safe.
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fcron.d%2Fx", Some("x")),
        ("attachment; filename=\"..\\\\..\\\\a.lnk\"", Some("a.lnk.download")),
        ("attachment", None),
        ("attachment; filename=", None),
        ("=", None),
        (";;;=;", None),
    ] {
        assert_eq!(file_name(header.as_bytes()).as_deref(), name, "{header}");
    }
    assert_eq!(file_name("attachment; filename=\"ü.txt\"".as_bytes()).as_deref(), Some("ü.txt"));
    assert_eq!(file_name(b"attachment; filename=\"\xfc.txt\"").as_deref(), Some("ü.txt"));
}

#[test]
fn every_spelling_that_browsers_take_is_read() {
    for (header, name) in [
        // Other spellings of the character set, or none (CASES 3: jshttp).
        ("attachment; filename*=utf8''%E2%82%AC%20rates.csv", "€ rates.csv"),
        ("attachment; filename*=UTF8'en'%E2%82%AC%20rates.csv; filename=x", "€ rates.csv"),
        ("attachment; filename*=''%E2%82%AC.csv", "€.csv"),
        ("attachment; filename*=latin1''gr%F6sse.csv", "grösse.csv"),
        ("attachment; filename*=Windows-1252''gr%F6sse.csv", "grösse.csv"),
        // In quotation marks.
        ("attachment; filename*=\"utf-8''%E2%82%AC.csv\"", "€.csv"),
        // Pieces (RFC 2231): in any order, encoded or not, a character split over two of them.
        ("attachment; filename*0=\"long \"; filename*1=name.csv", "long name.csv"),
        ("attachment; filename*1*=%20rates.csv; filename*0*=utf-8''%E2%82%AC", "€ rates.csv"),
        ("attachment; filename*0*=utf-8''%E2%82; filename*1*=%AC.csv", "€.csv"),
        ("attachment; filename*0*=utf8''%E2%82%AC; filename*1=\".csv\"; filename=old", "€.csv"),
        ("attachment; filename*0*=iso-8859-1''gr%F6; filename*1=sse.csv", "grösse.csv"),
        ("attachment; filename*0=a; filename*0=b; filename*1=c; filename*3=d", "ac"),
        // Encoded words as in mail (RFC 2047).
        ("attachment; filename=\"=?UTF-8?B?4oKsIHJhdGVzLmNzdg==?=\"", "€ rates.csv"),
        ("attachment; filename=\"=?utf-8?Q?=E2=82=AC_rates.csv?=\"", "€ rates.csv"),
        ("attachment; filename==?ISO-8859-1?Q?gr=F6sse?=.csv", "grösse.csv"),
        ("attachment; filename=\"=?utf-8*en?q?=E2=82=AC?= =?utf-8?q?.csv?=\"", "€.csv"),
        ("attachment; filename=\"a =?utf-8?x?b?= c.csv\"", "a =_utf-8_x_b_= c.csv"),
        // No type.
        ("filename=\"a.csv\"", "a.csv"),
        ("filename*=utf-8''%E2%82%AC.csv; x=y", "€.csv"),
        // Malformed, and nothing else names the file.
        ("attachment; filename*=%E2%82%AC.csv", "€.csv"),
        ("attachment; filename*=rates.csv", "rates.csv"),
        ("attachment; filename*=UTF-8''gr%F6sse.csv", "grösse.csv"),
        ("attachment; filename*=UTF-8''100%.csv", "100%.csv"),
        ("attachment; filename*=KOI8-R''a.csv", "a.csv"),
    ] {
        assert_eq!(file_name(header.as_bytes()).as_deref(), Some(name), "{header}");
    }
}

proptest! {
    #[test]
    fn the_name_is_safe_whatever_the_header_contains(
        header in prop::collection::vec(any::<u8>(), 0..200),
        form in prop::sample::select(vec![
            "", "attachment; filename=\"", "attachment; filename*=UTF-8''", "attachment; filename*0*=utf-8''a; filename*1*=",
            "attachment; filename=\"=?utf-8?q?", "attachment; filename=\"=?utf-8?b?", "filename*=",
        ]),
    ) {
        let header = [form.as_bytes(), &header[..], b"?=\""].concat();
        if let Some(name) = file_name(&header) {
            let again = safe_name(&name);
            prop_assert_eq!(again.as_deref(), Some(&*name));
        }
    }
}
