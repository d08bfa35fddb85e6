//! Relative links in Markdown lead somewhere.

use crate::shell::{Outcome, output, root};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Reports relative links to files that do not exist, and to headings that a file does not have.
pub(crate) fn check(problems: &mut Vec<String>) -> Outcome {
    let tracked = output(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    for path in tracked
        .lines()
        .filter(|path| path.ends_with(".md") && root().join(path).exists())
    {
        let text = fs::read_to_string(root().join(path))?;
        for target in targets(&text) {
            if let Some(reason) = broken(path, target, &text) {
                problems.push(format!("{path}: the link `{target}` leads nowhere: {reason}"));
            }
        }
    }
    Ok(())
}

/// Targets of inline links outside of code, without those to other sites.
fn targets(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut targets = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let parts = line.split("](").skip(1);
            targets.extend(parts.filter_map(|part| part.split(')').next()));
        }
    }
    targets.retain(|target| !target.contains("://") && !target.starts_with("mailto:"));
    targets
}

fn broken(path: &str, target: &str, text: &str) -> Option<&'static str> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let other = Path::new(path).parent().unwrap_or(Path::new("")).join(file);
    let text = if file.is_empty() {
        text.to_owned()
    } else if !root().join(&other).exists() {
        return Some("there is no such file");
    } else if heading.is_empty() {
        return None;
    } else {
        fs::read_to_string(root().join(other)).unwrap_or_default()
    };
    let has_heading = text
        .lines()
        .any(|line| line.starts_with('#') && anchor(line) == heading);
    (!has_heading).then_some("the file has no such heading")
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let letters = words
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    letters.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_missing_files_and_headings_are_found() {
        let text =
            "# A heading: `x`\n[a](host/README.md) [b](#a-heading-x) [c](https://x.example/y)\n```\n[d](no.md)\n```\n";
        assert_eq!(targets(text), ["host/README.md", "#a-heading-x"]);
        for (target, is_broken) in [
            ("host/README.md", false),
            ("host/README.md#invariants", false),
            ("#a-heading-x", false),
            ("#another", true),
            ("host/READ.md", true),
            ("host/README.md#nowhere", true),
        ] {
            assert_eq!(broken("README.md", target, text).is_some(), is_broken, "{target}");
        }
    }
}
