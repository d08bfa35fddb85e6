use crate::files::write;
use crate::outcome::{CliError, Outcome};
use crate::page;
use crate::printer::Printer;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory to create; its name becomes the last segment of the extension's name
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Reverse domain name of the publisher
    #[arg(long, default_value = "com.example")]
    domain: String,
    /// Publisher name, for which signing keys are trusted
    #[arg(long, default_value = "example")]
    publisher: String,
    /// Language of the extension
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Language,
    /// Add a page, which host applications show in a frame, from this template
    #[arg(long, value_name = "TEMPLATE")]
    ui: Option<page::Template>,
    /// Directory of the guest SDK
    #[arg(long, env = "ALGA_SDK", hide_env_values = true, default_value_os_t = sdk_of_this_checkout())]
    sdk: PathBuf,
}

/// Limits of an extension in Python, whose interpreter has 40 MiB before it does anything.
const PYTHON_LIMITS: &str = "\n  \"limits\": { \"memoryMb\": 128 },";

/// Language of an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Python,
    /// TypeScript or JavaScript
    Ts,
}

/// Returns the directory of the SDK in the checkout that this program was built from.
pub(super) fn sdk_of_this_checkout() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path.pop();
    path.join("guest-sdk")
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let directory = &arguments.directory;
    if directory.exists() {
        return Err(
            CliError::user(format!("`{}` already exists", directory.display())).with_hint("choose another name")
        );
    }
    let word = directory
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name: alga_bundle::ExtensionName = format!("{}.{word}", arguments.domain)
        .parse()
        .map_err(|rule: &str| CliError::user(format!("`{}.{word}`: {rule}", arguments.domain)))?;
    let sdk = absolute(&arguments.sdk);
    if !sdk.join("Cargo.toml").exists() {
        let failed = CliError::user(format!("there is no guest SDK in `{}`", sdk.display()));
        return Err(failed.with_hint("pass --sdk <checkout>/guest-sdk"));
    }
    let crate_name = crate_name(&word);
    if arguments.lang == Language::Rust && crate_name != word {
        printer.note(&format!(
            "note: the crate is named `{crate_name}`, because cargo does not accept a crate named `{word}`"
        ));
    }
    let fill = |template: &str| {
        template
            .replace("{{name}}", name.as_str())
            .replace("{{crate}}", &crate_name)
            .replace("{{title}}", &word)
            .replace("{{publisher}}", &arguments.publisher)
            .replace("{{sdk}}", &sdk.display().to_string())
            .replace(
                "{{limits}}",
                if arguments.lang == Language::Python {
                    PYTHON_LIMITS
                } else {
                    ""
                },
            )
    };
    for (path, template) in files(arguments) {
        write(&directory.join(path), fill(template).as_bytes())?;
    }
    if let Some(template) = arguments.ui {
        page::create(directory, template, &fill)?;
    }
    let facts = json!({ "folder": directory, "name": name });
    printer.output(&facts, || {
        format!(
            "created {name} in `{}`\nnext: cd {} && alga build",
            directory.display(),
            directory.display()
        )
    });
    Ok(())
}

/// Returns the paths and templates of the extension's files, without its page.
fn files(arguments: &Arguments) -> Vec<(&'static str, &'static str)> {
    let sources: &[(&str, &str)] = match arguments.lang {
        Language::Rust => &[
            ("Cargo.toml", include_str!("../../templates/Cargo.toml.txt")),
            ("src/lib.rs", include_str!("../../templates/lib.rs.txt")),
            ("tests/hello.rs", include_str!("../../templates/test.rs.txt")),
        ],
        Language::Python => &[
            ("app.py", include_str!("../../templates/app.py.txt")),
            ("conftest.py", include_str!("../../templates/conftest.py.txt")),
            ("test_app.py", include_str!("../../templates/test_app.py.txt")),
        ],
        Language::Ts => &[
            ("src/index.ts", include_str!("../../templates/javascript/index.ts.txt")),
            (
                "package.json",
                include_str!("../../templates/javascript/package.json.txt"),
            ),
            (
                "tsconfig.json",
                include_str!("../../templates/javascript/tsconfig.json.txt"),
            ),
            (
                "tests/hello.test.ts",
                include_str!("../../templates/javascript/hello.test.ts.txt"),
            ),
            (
                "vitest.config.ts",
                include_str!("../../templates/javascript/vitest.config.ts.txt"),
            ),
        ],
    };
    let manifest = match arguments.ui {
        Some(_) => page::MANIFEST,
        None => include_str!("../../templates/manifest.json.txt"),
    };
    let others = [
        ("manifest.json", manifest),
        (
            "manifest.schema.json",
            include_str!("../../../../registry/manifest.schema.json"),
        ),
        (
            ".gitignore",
            "/target\n/dist\n/ui\nnode_modules\n__pycache__\n/signing.key\n/alga-data\n/.alga\n",
        ),
    ];
    [sources, &others].concat()
}

/// Names reserved by cargo, rustc or the template: a crate with such a name does not build.
const RESERVED: [&str; 63] = [
    "Self",
    "abstract",
    "alga",
    "alga-sdk",
    "alga-sdk-macros",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde-json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "virtual",
    "where",
    "while",
];

/// Returns a crate name that cargo accepts (The Cargo Book, "The `name` field"): letters, digits,
/// `-` and `_`, beginning with a letter.
fn crate_name(word: &str) -> String {
    let plain: String = word
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || character == '_' {
                character
            } else {
                '-'
            }
        })
        .collect();
    let begins_well = plain.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins_well && !RESERVED.contains(&plain.replace('_', "-").as_str()) {
        plain
    } else {
        format!("extension-{plain}")
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::crate_name;

    #[test]
    fn an_extension_name_becomes_a_crate_name_that_cargo_accepts() {
        for (word, expected) in [
            ("hello", "hello"),
            ("34", "extension-34"),
            ("1st", "extension-1st"),
            ("a.b", "a-b"),
            ("alga-sdk", "extension-alga-sdk"),
            ("serde-json", "extension-serde-json"),
            ("fn", "extension-fn"),
            ("test", "extension-test"),
            ("std", "extension-std"),
        ] {
            assert_eq!(crate_name(word), expected, "{word}");
        }
    }
}
