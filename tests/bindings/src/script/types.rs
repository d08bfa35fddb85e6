//! The declarations for TypeScript.

use super::Generator;
use heck::{ToLowerCamelCase, ToUpperCamelCase};
use std::error::Error;
use std::fmt::Write;
use wit_parser::{Docs, Function, Type, TypeDefKind, TypeId, TypeOwner};

impl Generator<'_> {
    pub(super) fn declare_function(&mut self, function: &Function) -> Result<(), Box<dyn Error>> {
        let required = |of: Type| !matches!(self.kind(Some(of)), Some(TypeDefKind::Option(_)));
        let last_required = function.params.iter().rposition(|parameter| required(parameter.ty));
        let mut parameters = Vec::new();
        for (index, parameter) in function.params.iter().enumerate() {
            let mark = if last_required.is_none_or(|last| index > last) {
                "?"
            } else {
                ""
            };
            parameters.push(format!(
                "{}{mark}: {}",
                parameter.name.to_lower_camel_case(),
                self.script_type(parameter.ty)?
            ));
        }
        let result = match function.result {
            Some(of) => self.script_type(of)?,
            None => "void".to_owned(),
        };
        let (export, parameters) = (function.name.to_lower_camel_case(), parameters.join(", "));
        let (exported, renamed) = if export == "delete" {
            ("delete_".to_owned(), "  export { delete_ as delete };\n")
        } else {
            (export, "")
        };
        let word = if renamed.is_empty() {
            "export function"
        } else {
            "function"
        };
        write!(
            self.types,
            "{}  {word} {exported}({parameters}): {result};\n{renamed}",
            comment(&function.docs, "  ")
        )?;
        Ok(())
    }

    pub(super) fn declare(&mut self, id: TypeId, interface: &wit_parser::Interface) -> Result<(), Box<dyn Error>> {
        let definition = &self.resolve.types[id];
        let Some(name) = &definition.name else { return Ok(()) };
        let (docs, name) = (comment(&definition.docs, "  "), name.to_upper_camel_case());
        match &definition.kind {
            TypeDefKind::Record(record) => {
                writeln!(self.types, "{docs}  export interface {name} {{")?;
                for field in &record.fields {
                    let is_optional = matches!(self.kind(Some(field.ty)), Some(TypeDefKind::Option(_)));
                    let (mark, of) = (if is_optional { "?" } else { "" }, self.script_type(field.ty)?);
                    let (docs, key) = (comment(&field.docs, "    "), field.name.to_lower_camel_case());
                    writeln!(self.types, "{docs}    {key}{mark}: {of};")?;
                }
                writeln!(self.types, "  }}")?;
            }
            TypeDefKind::Enum(of) => {
                let cases: Vec<String> = of.cases.iter().map(|case| format!("{:?}", case.name)).collect();
                writeln!(self.types, "{docs}  export type {name} = {};", cases.join(" | "))?;
            }
            TypeDefKind::Variant(of) if name == "Error" => {
                let cases: Vec<String> = of.cases.iter().map(|case| format!("{:?}", case.name)).collect();
                writeln!(self.types, "{docs}  export type ErrorCode = {};", cases.join(" | "))?;
            }
            TypeDefKind::Variant(of) => {
                let mut cases = Vec::new();
                for case in &of.cases {
                    cases.push(match case.ty {
                        Some(of) => format!("{{ tag: {:?}; val: {} }}", case.name, self.script_type(of)?),
                        None => format!("{{ tag: {:?} }}", case.name),
                    });
                }
                writeln!(self.types, "{docs}  export type {name} = {};", cases.join(" | "))?;
            }
            TypeDefKind::Type(Type::Id(used)) if name != "Error" && !self.has_resource(Type::Id(*used)) => {
                let from = self.module_of(*used, interface)?;
                writeln!(self.types, "  export type {name} = import({from:?}).{name};")?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn module_of(&self, id: TypeId, interface: &wit_parser::Interface) -> Result<String, Box<dyn Error>> {
        let TypeOwner::Interface(owner) = self.resolve.types[id].owner else {
            return Err("a type is in no interface".into());
        };
        let owner = &self.resolve.interfaces[owner];
        let package = owner
            .package
            .or(interface.package)
            .ok_or("an interface is in no package")?;
        let name = owner.name.as_ref().ok_or("an interface has no name")?;
        Ok(format!("alga:{}/{name}", self.resolve.packages[package].name.name))
    }

    pub(super) fn script_type(&self, of: Type) -> Result<String, Box<dyn Error>> {
        Ok(match of {
            Type::Bool => "boolean".to_owned(),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::F64 => "number".to_owned(),
            Type::String => "string".to_owned(),
            Type::Id(id) => {
                let definition = &self.resolve.types[id];
                match &definition.kind {
                    TypeDefKind::Option(of) => format!("{} | undefined", self.script_type(*of)?),
                    TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
                    TypeDefKind::List(of) => format!("Array<{}>", self.script_type(*of)?),
                    TypeDefKind::Tuple(tuple) => {
                        let types: Result<Vec<String>, _> =
                            tuple.types.iter().map(|of| self.script_type(*of)).collect();
                        format!("[{}]", types?.join(", "))
                    }
                    TypeDefKind::Result(result) => match result.ok {
                        Some(of) => self.script_type(of)?,
                        None => "void".to_owned(),
                    },
                    _ => definition
                        .name
                        .as_ref()
                        .ok_or("a type has no name")?
                        .to_upper_camel_case(),
                }
            }
            _ => return Err(format!("the types for TypeScript have no {of:?} yet").into()),
        })
    }
}

/// Returns the documentation of an item as a comment.
pub(super) fn comment(docs: &Docs, indent: &str) -> String {
    let Some(text) = &docs.contents else {
        return String::new();
    };
    let lines: Vec<&str> = text.trim().lines().collect();
    match lines.as_slice() {
        [one] => format!("{indent}/** {one} */\n"),
        _ => {
            let lines: String = lines
                .iter()
                .map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n")
                .collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}
