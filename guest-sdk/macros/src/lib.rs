//! The `#[alga::handler]` attribute.
//!
//! Works directly on the compiler's tokens: compiling a parser such as `syn` would be slower than
//! compiling the rest of an extension.

use proc_macro::{Delimiter, TokenStream, TokenTree};

const USAGE: &str = "write `#[alga::handler] fn handle(request: alga::Request) -> alga::Result<alga::Response>`";

/// Makes a function the handler of every request to the extension.
///
/// The function accepts an `alga::Request` and returns an `alga::Result<alga::Response>`. An
/// extension has exactly one handler; its component exports `wasi:http/incoming-handler`.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let name = arguments.is_empty().then(|| handler_name(item.clone())).flatten();
    // Both strings are valid Rust, so the parse cannot fail; the compiler reports errors in the
    // function.
    let mut expanded = item;
    let added = match name {
        Some(name) => export(&name),
        None => format!("::core::compile_error!({USAGE:?});"),
    };
    expanded.extend(added.parse::<TokenStream>().unwrap_or_default());
    expanded
}

/// Returns the name of a function that is not `async`, not generic, and has one parameter.
fn handler_name(item: TokenStream) -> Option<String> {
    let mut tokens = item
        .into_iter()
        .skip_while(|token| !is_word(token, "fn") && !is_word(token, "async"));
    if !is_word(&tokens.next()?, "fn") {
        return None;
    }
    let TokenTree::Ident(name) = tokens.next()? else {
        return None;
    };
    match tokens.next()? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            (parameters(group.stream()) == 1).then(|| name.to_string())
        }
        _ => None,
    }
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

/// Counts the parameters in a list. Commas between `<` and `>` belong to a type.
fn parameters(list: TokenStream) -> usize {
    let (mut count, mut depth, mut is_begun) = (0, 0_i32, false);
    for token in list {
        let mark = match &token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match mark {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                is_begun = false;
                continue;
            }
            _ => {}
        }
        count += usize::from(!is_begun);
        is_begun = true;
    }
    count
}

fn export(name: &str) -> String {
    format!(
        "const _: () = {{
            struct Component;

            impl ::alga::__private::Guest for Component {{
                fn handle(request: ::alga::__private::IncomingRequest, out: ::alga::__private::ResponseOutparam) {{
                    ::alga::__private::run_handler({name}, request, out);
                }}
            }}

            ::alga::__private::export!(Component with_types_in ::alga::__private::bindings);
        }};"
    )
}
