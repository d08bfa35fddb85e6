//! Conversions between values of JavaScript and types of the host's interfaces; see
//! `tests/bindings/src/script.rs` for the mapping.

use crate::stage;
use rquickjs::{Array, ArrayBuffer, Ctx, Exception, Result, String as Text, TypedArray, Value};

/// Largest integer that a number of JavaScript has exactly (ECMA-262, `Number.MAX_SAFE_INTEGER`).
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Conversion to a value of JavaScript.
pub(crate) trait IntoScript: Sized {
    /// Converts this value.
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>>;

    /// Converts a list of such values; a list of bytes is a `Uint8Array`.
    fn list_into_script<'js>(list: Vec<Self>, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        let array = Array::new(ctx.clone())?;
        for (index, item) in list.into_iter().enumerate() {
            array.set(index, item.into_script(ctx)?)?;
        }
        Ok(array.into_value())
    }
}

/// Conversion from a value of JavaScript. `what` names the value in the error's message.
pub(crate) trait FromScript: Sized {
    /// Converts the value, or throws a `TypeError`.
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self>;

    /// Converts a list of such values.
    fn list_from_script(value: &Value<'_>, what: &str) -> Result<Vec<Self>> {
        let array = value.as_array().ok_or_else(|| mismatch(value, what, "an array"))?;
        array
            .iter::<Value<'_>>()
            .map(|item| Self::from_script(&item?, what))
            .collect()
    }
}

/// Error of an interface, thrown as a `HostError`.
pub(crate) trait Failure {
    /// Returns the case and its payload.
    fn parts<'js>(self, ctx: &Ctx<'js>) -> Result<Variant<'js>>;
}

/// Case of a variant.
pub(crate) struct Variant<'js> {
    case: &'static str,
    payload: Option<Value<'js>>,
}

impl<'js> Variant<'js> {
    pub(crate) fn of(case: &'static str) -> Self {
        Self { case, payload: None }
    }

    pub(crate) fn with(case: &'static str, payload: impl IntoScript, ctx: &Ctx<'js>) -> Result<Self> {
        let payload = Some(payload.into_script(ctx)?);
        Ok(Self { case, payload })
    }

    /// Converts to `{ tag, val }`.
    pub(crate) fn into_script(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        let object = rquickjs::Object::new(ctx.clone())?;
        object.set("tag", self.case)?;
        if let Some(payload) = self.payload {
            object.set("val", payload)?;
        }
        Ok(object.into_value())
    }
}

/// Returns the value of a function that cannot fail.
pub(crate) fn value<'js>(ctx: &Ctx<'js>, value: impl IntoScript) -> Result<Value<'js>> {
    value.into_script(ctx)
}

/// Returns the value of a function, or throws its error.
pub(crate) fn finish<'js, T: IntoScript, E: Failure>(
    ctx: &Ctx<'js>,
    module: &str,
    result: core::result::Result<T, E>,
) -> Result<Value<'js>> {
    match result {
        Ok(value) => value.into_script(ctx),
        Err(error) => Err(failure(ctx, module, error.parts(ctx)?)),
    }
}

/// Throws an error of an interface. Its message is that of the host, if there is one.
fn failure<'js>(ctx: &Ctx<'js>, module: &str, of: Variant<'js>) -> rquickjs::Error {
    let text = of
        .payload
        .as_ref()
        .and_then(|payload| payload.as_string()?.to_string().ok());
    let message = text.unwrap_or_else(|| format!("{module}: {}", of.case));
    let thrown = || {
        let exception = host_exception(ctx, of.case, &message)?;
        if let Some(payload) = &of.payload {
            exception.as_object().set("payload", payload.clone())?;
        }
        Ok(exception)
    };
    throw(thrown())
}

/// Throws an error with a stable code: `{ name: "HostError", code, message }`.
pub(crate) fn host_error(ctx: &Ctx<'_>, code: &str, message: &str) -> rquickjs::Error {
    throw(host_exception(ctx, code, message))
}

fn host_exception<'js>(ctx: &Ctx<'js>, code: &str, message: &str) -> Result<Exception<'js>> {
    let exception = Exception::from_message(ctx.clone(), message)?;
    exception.as_object().set("name", "HostError")?;
    exception.as_object().set("code", code)?;
    Ok(exception)
}

fn throw(made: Result<Exception<'_>>) -> rquickjs::Error {
    match made {
        Ok(exception) => exception.throw(),
        Err(error) => error,
    }
}

/// Throws a `TypeError` for a value of another type.
pub(crate) fn mismatch(value: &Value<'_>, what: &str, expected: &str) -> rquickjs::Error {
    let message = format!("{what} must be {expected}, not {}", value.type_name());
    Exception::throw_type(value.ctx(), &message)
}

/// Throws if there is no host.
pub(crate) fn require_execution(ctx: &Ctx<'_>, what: &str) -> Result<()> {
    if stage::is_executing() {
        return Ok(());
    }
    let message = format!(
        "{what} was called while the extension was built\nhint: modules are evaluated once, by `alga build`; move the call into \
         the handler"
    );
    Err(host_error(ctx, "no-host", &message))
}

/// Arguments of a call.
pub(crate) struct Arguments<'a, 'js> {
    ctx: Ctx<'js>,
    module: &'static str,
    function: &'static str,
    values: &'a [Value<'js>],
}

impl<'a, 'js> Arguments<'a, 'js> {
    /// Accepts the arguments of a call, or throws if the host cannot be called now: while an
    /// extension is built, there is no host.
    pub(crate) fn new(
        ctx: &Ctx<'js>,
        module: &'static str,
        function: &'static str,
        values: &'a [Value<'js>],
    ) -> Result<Self> {
        require_execution(ctx, &format!("{function} of {module}"))?;
        Ok(Self {
            ctx: ctx.clone(),
            module,
            function,
            values,
        })
    }

    pub(crate) fn get<T: FromScript>(&self, index: usize, name: &str) -> Result<T> {
        let what = format!("{} of {}: `{name}`", self.function, self.module);
        match self.values.get(index) {
            Some(value) => T::from_script(value, &what),
            None => T::from_script(&Value::new_undefined(self.ctx.clone()), &what),
        }
    }
}

/// Object with named fields; absent and empty fields are the same.
pub(crate) struct Object<'js> {
    object: rquickjs::Object<'js>,
    what: String,
}

impl<'js> Object<'js> {
    pub(crate) fn new(ctx: &Ctx<'js>) -> Result<Self> {
        Ok(Self {
            object: rquickjs::Object::new(ctx.clone())?,
            what: String::new(),
        })
    }

    pub(crate) fn of(value: &Value<'js>, what: &str) -> Result<Self> {
        let object = value.as_object().ok_or_else(|| mismatch(value, what, "an object"))?;
        Ok(Self {
            object: object.clone(),
            what: what.to_owned(),
        })
    }

    pub(crate) fn get<T: FromScript>(&self, key: &str) -> Result<T> {
        let value: Value<'js> = self.object.get(key)?;
        T::from_script(&value, &format!("{}.{key}", self.what))
    }

    pub(crate) fn set(&self, key: &str, value: impl IntoScript) -> Result<()> {
        let value = value.into_script(self.object.ctx())?;
        if value.is_undefined() {
            return Ok(());
        }
        self.object.set(key, value)
    }

    pub(crate) fn into_value(self) -> Value<'js> {
        self.object.into_value()
    }
}

impl IntoScript for () {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        Ok(Value::new_undefined(ctx.clone()))
    }
}

impl IntoScript for bool {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        Ok(Value::new_bool(ctx.clone(), self))
    }
}

impl IntoScript for u8 {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        Ok(Value::new_int(ctx.clone(), self.into()))
    }

    fn list_into_script<'js>(list: Vec<Self>, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        Ok(TypedArray::new(ctx.clone(), list)?.into_value())
    }
}

impl IntoScript for u16 {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        Ok(Value::new_int(ctx.clone(), self.into()))
    }
}

impl IntoScript for u32 {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        f64::from(self).into_script(ctx)
    }
}

impl IntoScript for u64 {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        if self > SAFE_INTEGER {
            return Err(Exception::throw_range(ctx, &format!("{self} is not a safe integer")));
        }
        #[expect(clippy::cast_precision_loss, reason = "checked: a safe integer")]
        (self as f64).into_script(ctx)
    }
}

impl IntoScript for f64 {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        Ok(Value::new_number(ctx.clone(), self))
    }
}

impl IntoScript for String {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        Ok(Text::from_str(ctx.clone(), &self)?.into_value())
    }
}

impl<T: IntoScript> IntoScript for Option<T> {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        match self {
            Some(value) => value.into_script(ctx),
            None => ().into_script(ctx),
        }
    }
}

impl<T: IntoScript> IntoScript for Vec<T> {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        T::list_into_script(self, ctx)
    }
}

impl<A: IntoScript, B: IntoScript> IntoScript for (A, B) {
    fn into_script<'js>(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        let array = Array::new(ctx.clone())?;
        array.set(0, self.0.into_script(ctx)?)?;
        array.set(1, self.1.into_script(ctx)?)?;
        Ok(array.into_value())
    }
}

impl FromScript for bool {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        // A flag that is absent is not set.
        match value.is_undefined() {
            true => Ok(false),
            false => value.as_bool().ok_or_else(|| mismatch(value, what, "a boolean")),
        }
    }
}

impl FromScript for String {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        let text = value.as_string().ok_or_else(|| mismatch(value, what, "a string"))?;
        text.to_string()
    }
}

impl FromScript for f64 {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        value.as_number().ok_or_else(|| mismatch(value, what, "a number"))
    }
}

/// Converts an integer from 0 to `max`.
fn integer(value: &Value<'_>, what: &str, max: u64) -> Result<u64> {
    let number = f64::from_script(value, what)?;
    #[expect(clippy::cast_precision_loss, reason = "at most a safe integer")]
    let is_valid = number.fract() == 0.0 && number >= 0.0 && number <= max as f64;
    if !is_valid {
        let message = format!("{what} must be an integer from 0 to {max}, not {number}");
        return Err(Exception::throw_range(value.ctx(), &message));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    Ok(number as u64)
}

impl FromScript for u64 {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        integer(value, what, SAFE_INTEGER)
    }
}

impl FromScript for u32 {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        let number = integer(value, what, Self::MAX.into())?;
        Ok(Self::try_from(number).unwrap_or(Self::MAX))
    }
}

impl FromScript for u16 {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        let number = integer(value, what, Self::MAX.into())?;
        Ok(Self::try_from(number).unwrap_or(Self::MAX))
    }
}

impl FromScript for u8 {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        let number = integer(value, what, Self::MAX.into())?;
        Ok(Self::try_from(number).unwrap_or(Self::MAX))
    }

    /// Copies the bytes of a buffer or of a view of one. An absent list of bytes is empty.
    fn list_from_script(value: &Value<'_>, what: &str) -> Result<Vec<Self>> {
        if value.is_undefined() {
            return Ok(Vec::new());
        }
        bytes(value).ok_or_else(|| mismatch(value, what, "a Uint8Array"))
    }
}

/// Returns the bytes of a `Uint8Array` or `ArrayBuffer`.
pub(crate) fn bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    let object = value.as_object()?;
    // SAFETY: the bytes are copied at once, before the engine runs again.
    #[expect(unsafe_code, reason = "the engine may change the bytes of a buffer while it runs")]
    unsafe {
        if let Some(array) = object.as_typed_array::<u8>() {
            return array.as_bytes().map(<[u8]>::to_vec);
        }
        ArrayBuffer::from_object(object.clone())?.as_bytes().map(<[u8]>::to_vec)
    }
}

impl<T: FromScript> FromScript for Option<T> {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        match value.is_undefined() || value.is_null() {
            true => Ok(None),
            false => T::from_script(value, what).map(Some),
        }
    }
}

impl<T: FromScript> FromScript for Vec<T> {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        T::list_from_script(value, what)
    }
}

impl<A: FromScript, B: FromScript> FromScript for (A, B) {
    fn from_script(value: &Value<'_>, what: &str) -> Result<Self> {
        let array = value.as_array().filter(|array| array.len() == 2);
        let array = array.ok_or_else(|| mismatch(value, what, "an array of two"))?;
        let (first, second): (Value<'_>, Value<'_>) = (array.get(0)?, array.get(1)?);
        Ok((A::from_script(&first, what)?, B::from_script(&second, what)?))
    }
}
