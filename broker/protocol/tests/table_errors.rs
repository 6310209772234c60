//! A fault in a table is reported with its file, its line and what to do.

#[path = "../generator/mod.rs"]
mod generator;

/// What the generator says of a table's text.
fn error(text: &str) -> String {
    let errors = ("error_codes.txt".to_owned(), "0 NONE # No error.".to_owned());
    match generator::generate(&[("fetch.txt".to_owned(), text.to_owned())], &errors) {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What it says of a record with these fields, the first of which is in line 2.
fn field_error(fields: &str) -> String {
    error(&format!("TopicRecord record 2 versions 0-4 flex 2+\n{fields}\n"))
}

#[test]
fn a_good_table_becomes_rust_with_its_documentation() {
    let table = [
        "TopicRecord record 2 versions 0-4 flex 2+",
        "  Name string # The topic.",
        "  # A remark.",
        "",
        "  # Ids of it.",
        "  Ids [uuid]? 1-3 null 2-3 ign",
    ]
    .join("\n");
    let errors = ("error_codes.txt".to_owned(), "0 NONE # No error.\n1 SOME retriable # Some error.".to_owned());
    let generated = generator::generate(&[("topic.txt".to_owned(), table)], &errors).ok().unwrap();
    for expected in [
        "pub struct TopicRecord {",
        "/// The topic.",
        "/// Ids of it.",
        "pub name: Str,",
        "/// Kafka's `Ids`, versions 1 to 3; dropped in others; null since version 2.",
        "pub ids: Option<Vec<Uuid>>,",
    ] {
        assert!(generated.messages.contains(expected), "{expected} is missing in\n{}", generated.messages);
    }
    assert!(generated.error_codes.contains("/// 1 `SOME`: Some error."), "{}", generated.error_codes);
}

#[test]
fn faults_of_grammar_are_named() {
    for (fields, expected) in [
        ("   Name string", "fetch.txt:2: indented by 3 spaces; a level is two"),
        ("\tName string", "fetch.txt:2: a tab; indent with two spaces a level"),
        ("  Name", "fetch.txt:2: the field's type is missing"),
        ("  Name text", "fetch.txt:2: there is no type `text`"),
        ("  Name [string", "fetch.txt:2: `[string` lacks its `]`"),
        ("  Name string 3-1", "fetch.txt:2: `3-1` runs backwards"),
        ("  Name string 1+ sometimes", "fetch.txt:2: `sometimes` means nothing here"),
        ("  Name string tag", "fetch.txt:2: the tag is missing"),
        ("  Name i32 = many", "fetch.txt:2: `many` is no default: a number, `true` or `empty`"),
        ("  Name string\n    Inner i32", "fetch.txt:3: fields under a field that is no struct"),
        ("  Name Inner\n      Deep i32", "fetch.txt:3: indented 3 levels; 2 fit here"),
        ("  Name string? 1-3 null 2+", "fetch.txt:2: Name is null in versions that do not have it"),
        ("  Name string null 1+", "fetch.txt:2: `null` means nothing here"),
        ("  In A\n    struct B\n      X i8", "fetch.txt:3: a common struct belongs to the message's own level"),
    ] {
        assert_eq!(field_error(fields), expected);
    }
}

#[test]
fn faults_of_meaning_are_named() {
    for (fields, expected) in [
        ("  Name string 5+", "fetch.txt:2: `5+` begins after the message's last version, 4"),
        ("  A A 2+\n    B i8 1+", "fetch.txt:3: versions 1-4 of B are not all within 2-4 of what holds it"),
        ("  A i8\n  A i16", "fetch.txt:3: a second field A"),
        ("  A i8 2+ tag 1", "fetch.txt:2: tag 1 where 0 belongs: tags count from 0, each once"),
        ("  A i8 2+ tag 0\n  B i8 2+ tag 0", "fetch.txt:3: tag 0 where 1 belongs: tags count from 0, each once"),
        ("  A i8 1+ tag 0", "fetch.txt:2: A is tagged in versions that are not flexible"),
        ("  A Missing", "fetch.txt:2: there is no struct Missing in this message"),
        ("  struct Unused\n    A i8", "fetch.txt:2: no field uses the struct Unused"),
        ("  A S\n    X i8\n  B S\n    X i8", "fetch.txt:4: a second struct S in this message; the first is in line 2"),
        ("  A i8 = 200", "fetch.txt:2: 200 is no value of A"),
        ("  A i8 = true", "fetch.txt:2: A cannot be true"),
        ("  A i8?", "fetch.txt:2: A has a type that cannot be null"),
        ("  A i8 noflex", "fetch.txt:2: A has no length that `noflex` could keep in the old form"),
        ("  A [[i8]]", "fetch.txt:2: A is an array of arrays, which Kafka does not have"),
        ("  A [S]\n    X i8 1+", "fetch.txt:2: an element of A takes no byte in version 0"),
        ("  A S\n    B [S]", "fetch.txt:3: B would nest a struct in itself"),
        ("  A S 3+\n    X i8\n  B [S]", "fetch.txt:4: B has versions that its struct S lacks"),
        ("  Ver i8", "fetch.txt:2: the generated code has another Ver; rename it there"),
    ] {
        assert_eq!(field_error(fields), expected);
    }
}

#[test]
fn faults_of_messages_are_named() {
    let request = "FetchRequest 1 versions 4-5 flex 5+\n";
    for (text, expected) in [
        ("  Name string".to_owned(), "fetch.txt:1: a field without a message above it"),
        (
            "Fetch 1 versions 0 flex 0+".to_owned(),
            "fetch.txt:1: Fetch has an API key but is neither a Request nor a Response",
        ),
        ("FetchRequest one versions 0 flex 0+".to_owned(), "fetch.txt:1: `one` is no number that fits here"),
        ("FetchRequest 1 version 0 flex 0+".to_owned(), "fetch.txt:1: `version` where `versions` belongs"),
        ("FetchRequest 1 versions 0".to_owned(), "fetch.txt:1: `flex` is missing"),
        ("FetchRequest 1 versions 0 flex 0".to_owned(), "fetch.txt:1: `0` is not of the form `N+`"),
        (
            "FetchRequest 1 versions 0-2 flex 3+".to_owned(),
            "fetch.txt:1: flexible from a version after the last; say `flex never`",
        ),
        (request.to_owned(), "fetch.txt:1: no response has the key 1"),
        (
            format!("{request}FetchResponse 1 versions 4-6 flex 5+"),
            "fetch.txt:2: a response has the versions of its request",
        ),
        (
            format!("{request}FetcherResponse 1 versions 4-5 flex 5+"),
            "fetch.txt:2: FetcherResponse answers FetchRequest, which has another name",
        ),
        ("FetchResponse 1 versions 4-6 flex 5+".to_owned(), "fetch.txt:1: no request of its own has the key 1"),
        (
            "A data versions 0 flex 0+\nA data versions 0 flex 0+".to_owned(),
            "fetch.txt:2: a second A; the first is in fetch.txt:1",
        ),
    ] {
        assert_eq!(error(&text), expected);
    }
}

#[test]
fn faults_of_the_error_codes_are_named() {
    let error = |text: &str| {
        let errors = ("error_codes.txt".to_owned(), text.to_owned());
        generator::generate(&[], &errors).err().map(|error| error.to_string())
    };
    assert_eq!(error("0 NONE # No error."), None);
    for (text, expected) in [
        ("none NONE # No.", "error_codes.txt:1: `none` is no error code"),
        ("0 NONE", "error_codes.txt:1: NONE lacks its sentence, after a `#`"),
        ("0 NONE # No.\n2 TWO # Two.", "error_codes.txt:2: 2 does not follow the code above"),
        ("0 NONE # No.\n1 NONE # No.", "error_codes.txt:2: a second NONE"),
        ("0 NONE perhaps # No.", "error_codes.txt:1: `perhaps` means nothing here"),
    ] {
        assert_eq!(error(text).as_deref(), Some(expected));
    }
}
