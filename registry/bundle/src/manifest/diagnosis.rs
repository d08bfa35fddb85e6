//! Finds all problems of a document's form. It reports the first problem, replaces the wrong value
//! by a valid sample, and parses again, until the document parses. Then it checks the rules as
//! well.

use super::rules::{self, PROBLEMS};
use super::{Manifest, ManifestProblem};
use crate::Capability;
use crate::object::StrictObject;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// A manifest that contains every field once, with a valid value.
pub(super) const SAMPLE: &str = include_str!("sample.json");

/// Returns all problems of a document that is plain JSON but not a manifest.
pub(super) fn problems(bytes: &[u8], known: &[Capability]) -> Vec<ManifestProblem> {
    let sample: Value = serde_json::from_str(SAMPLE).unwrap_or_default();
    let mut document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let mut found: Vec<ManifestProblem> = Vec::new();
    while found.len() < PROBLEMS {
        match serde_path_to_error::deserialize::<_, StrictObject<Manifest>>(&document) {
            Ok(StrictObject(manifest)) => {
                // A substituted sample is not the author's value: do not report its problems.
                let is_substituted =
                    |problem: &ManifestProblem| found.iter().any(|reported| overlap(&reported.path, &problem.path));
                let rules = rules::check(&manifest, known).into_iter();
                let broken: Vec<_> = rules.filter(|problem| !is_substituted(problem)).collect();
                found.extend(broken);
                break;
            }
            Err(error) => {
                let (problem, is_substituted) = substitute_sample(&mut document, &sample, &error);
                found.push(problem);
                if !is_substituted {
                    break;
                }
            }
        }
    }
    found
}

fn overlap(reported: &str, path: &str) -> bool {
    path.starts_with(reported) || reported.starts_with(path)
}

/// Reports a problem and substitutes the sample's value. Returns false if nothing could be
/// substituted.
fn substitute_sample(
    document: &mut Value,
    sample: &Value,
    error: &serde_path_to_error::Error<serde_json::Error>,
) -> (ManifestProblem, bool) {
    let mut keys: Vec<String> = keys(error.path());
    let message = error.inner().to_string();
    let missing = quoted(&message, "missing field `");
    if let Some(name) = missing {
        keys.push(name.to_owned());
    }
    let right = lookup(sample, &keys);
    let problem = ManifestProblem {
        path: written(&keys),
        rule: message.clone(),
        fix: fix(right, &message, missing.is_some()),
    };
    (problem, put(document, &keys, right.cloned()))
}

fn fix(right: Option<&Value>, message: &str, is_missing: bool) -> String {
    match right {
        Some(right) if is_missing => format!("add it, such as {right}"),
        Some(right) => format!("write it like {right}"),
        None if message.starts_with("unknown field") => "remove it, or correct its spelling".to_owned(),
        None => "registry/README.md lists the fields".to_owned(),
    }
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split('`').next()
}

fn keys(path: &Path) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn written(keys: &[String]) -> String {
    let step = |key: &String| match key.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{key}"),
    };
    format!("${}", keys.iter().map(step).collect::<String>())
}

/// Returns the sample's value at this path. The sample's lists have one element, which stands for
/// every index.
fn lookup<'a>(sample: &'a Value, keys: &[String]) -> Option<&'a Value> {
    keys.iter().try_fold(sample, |value, key| match value {
        Value::Array(elements) => elements.first(),
        Value::Object(fields) => fields.get(key),
        _ => None,
    })
}

/// Puts a value at a path, or removes the existing value if there is none to put.
fn put(document: &mut Value, keys: &[String], right: Option<Value>) -> bool {
    let Some((last, parents)) = keys.split_last() else {
        return false;
    };
    let parent = parents.iter().try_fold(document, |value, key| match value {
        Value::Array(elements) => elements.get_mut(key.parse::<usize>().ok()?),
        Value::Object(fields) => fields.get_mut(key),
        _ => None,
    });
    match (parent, right) {
        (Some(Value::Object(fields)), Some(right)) => {
            fields.insert(last.clone(), right);
            true
        }
        (Some(Value::Object(fields)), None) => fields.remove(last).is_some(),
        (Some(Value::Array(elements)), Some(right)) => {
            let element = last.parse::<usize>().ok().and_then(|index| elements.get_mut(index));
            element.map(|element| *element = right).is_some()
        }
        _ => false,
    }
}
