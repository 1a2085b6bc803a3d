//! Faults of packs.toml for people: the file, the line, the text and an underline.

use annotate_snippets::AnnotationKind;
use annotate_snippets::Group;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;

use crate::manifest::Fault;
use crate::manifest::ManifestError;
use crate::manifest::fault::escaped;
use crate::manifest::fault::is_unsafe_to_print;

/// Most faults that are shown at once: a screen's worth.
const SHOWN_MAX: usize = 20;

/// Renders every fault with its line and an underline, without a line feed at the end.
///
/// Control characters of the text are replaced, so that it cannot speak to the terminal.
pub fn render_faults(error: &ManifestError, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let (file, text) = (escaped(&error.file), printable(&error.text));
    let shown: Vec<Group<'_>> = error.faults.iter().take(SHOWN_MAX).map(|fault| fault_group(fault, &file, &text)).collect();
    let mut pages: Vec<String> = shown.into_iter().map(|group| renderer.render(&[group])).collect();
    if error.faults.len() > SHOWN_MAX {
        pages.push(format!("… and {} more faults in {file}", error.faults.len() - SHOWN_MAX));
    }
    pages.join("\n\n")
}

fn fault_group<'a>(fault: &'a Fault, file: &'a str, text: &'a str) -> Group<'a> {
    let annotation = AnnotationKind::Primary.span(fault.span.clone()).label(fault.label.as_str());
    Level::ERROR.primary_title(fault.message.as_str()).element(Snippet::source(text).path(file).annotation(annotation))
}

/// Replaces control and direction characters by harmless ones of the same length, so that spans stay where they are.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            _ if !is_unsafe_to_print(character) => character,
            _ if character.len_utf8() == 1 => '?',
            _ if character.len_utf8() == 2 => '\u{bf}',
            _ => '\u{fffd}',
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the samples are files, and rewriting them is asked for by a variable")]
mod tests {
    use std::path::Path;
    use std::path::PathBuf;

    use super::*;
    use crate::manifest::Manifest;

    fn samples(kind: &str) -> Vec<PathBuf> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/samples/packs.toml").join(kind);
        let mut files: Vec<PathBuf> = std::fs::read_dir(directory).expect("the samples are there").map(|entry| entry.expect("readable").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        assert!(!files.is_empty(), "no samples of {kind}");
        files
    }

    #[test]
    fn valid_samples_are_read() {
        for file in samples("valid") {
            let text = std::fs::read_to_string(&file).expect("readable");
            let manifest = Manifest::parse(&text, "packs.toml");
            assert!(manifest.is_ok(), "{}:\n{}", file.display(), render_faults(&manifest.expect_err("checked"), false));
        }
    }

    /// Beside each invalid sample lies what people see; `PACKS_BLESS=1` writes it anew.
    #[test]
    fn invalid_samples_are_explained() {
        for file in samples("invalid") {
            let text = std::fs::read_to_string(&file).expect("readable");
            let error = Manifest::parse(&text, "packs.toml").expect_err("an invalid sample");
            let rendered = format!("{}\n", render_faults(&error, false));
            let expected_file = file.with_extension("txt");
            if std::env::var_os("PACKS_BLESS").is_some() {
                std::fs::write(&expected_file, &rendered).expect("writable");
            }
            let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
            assert_eq!(rendered, expected, "{}", file.display());
        }
    }

    #[test]
    fn foreign_text_cannot_speak_to_the_terminal() {
        let text = "[project]\nname = \"shop\"\n[packages]\nx = \"\u{1b}]0;t\u{7}\" # \u{9b}31m \u{202e}\n\"\\u001b[31m\" = \"\\u001b[31m\"\n";
        let error = Manifest::parse(text, "\u{1b}packs.toml").expect_err("invalid");
        let rendered = render_faults(&error, false);
        assert!(!rendered.chars().any(|c| c != '\n' && is_unsafe_to_print(c)), "{rendered:?}");
    }
}
