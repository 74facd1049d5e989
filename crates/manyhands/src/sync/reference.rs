//! What all references to objects of the arena have in common, whatever primitive stands there.
//!
//! A reference is made of a handle, gives its handle, is cloned, and travels to other processes. It shows itself by its
//! number in the arena, and by what its primitive adds.

/// Makes a type around a raw primitive, which stands in the arena, a reference to it. `what` is the primitive's name;
/// after it come the methods whose answers `Debug` shows.
macro_rules! reference {
    ($name:ident($raw:ident), $what:literal $(, $field:literal: $shown:ident)?) => {
        impl $name {
            #[doc = concat!("The ", $what, " that a handle names.")]
            ///
            /// # Errors
            #[doc = concat!("When it is gone or no ", $what, ".")]
            pub fn attach(handle: crate::arena::Handle) -> Result<Self, crate::arena::ArenaError> {
                $raw::attach(handle).map($name)
            }

            #[doc = concat!("What names the ", $what, " to other processes.")]
            pub fn handle(&self) -> crate::arena::Handle {
                self.0.handle().expect(concat!("a shared ", $what, " stands in the arena"))
            }
        }

        impl Clone for $name {
            fn clone(&self) -> Self {
                $name(self.0.clone_shared().expect(concat!("a shared ", $what, " stands in the arena")))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = formatter.debug_struct(stringify!($name));
                shown.field("number", &self.handle().index());
                $(shown.field($field, &self.$shown());)?
                shown.finish_non_exhaustive()
            }
        }

        crate::arena::travels!($name);
    };
}
pub(super) use reference;

/// The same of a raw primitive, which stands in either place: in the arena it has its object, and that object's body.
macro_rules! raw_reference {
    ($raw:ident, $what:literal, $kind:ident, $body:ident) => {
        impl $raw {
            #[doc = concat!("The ", $what, " in the arena that a handle names.")]
            ///
            /// # Errors
            #[doc = concat!("When it is gone or no ", $what, ".")]
            pub fn attach(handle: crate::arena::Handle) -> Result<Self, crate::arena::ArenaError> {
                crate::arena::Object::attach(handle, crate::arena::Kind::$kind).map(Self::from_object)
            }

            fn from_object(object: crate::arena::Object) -> Self {
                let $body = object.body();
                $raw(Place::Arena { object, $body })
            }

            #[doc = concat!("Another reference to the same ", $what, "; `None` for a private one.")]
            pub fn clone_shared(&self) -> Option<Self> {
                match &self.0 {
                    Place::Private { .. } => None,
                    Place::Arena { object, $body } => {
                        Some($raw(Place::Arena { object: object.clone(), $body }))
                    }
                }
            }

            #[doc = concat!("What names the ", $what, " to other processes; `None` for a private one.")]
            pub fn handle(&self) -> Option<crate::arena::Handle> {
                match &self.0 {
                    Place::Private { .. } => None,
                    Place::Arena { object, .. } => Some(object.handle()),
                }
            }
        }
    };
}
pub(super) use raw_reference;
