// ENVELOPE and BODYSTRUCTURE from values: tolerant of what servers get wrong.
#pragma once

#include "protocol/imap/body_structure.h"
#include "protocol/imap/envelope.h"
#include "protocol/imap/response_decoder_values.h"

namespace imap {

/// The envelope in `list`; a field that is missing or of the wrong kind is NIL.
Envelope read_envelope(Value list);

/// The part that stands where the grammar wants one and there is none.
BodyStructure make_empty_text_part();
/// The part that stands for one that is not understood or nests too deeply.
BodyStructure make_opaque_part();

/// The body in `list`. What cannot be understood becomes a part of type application/octet-stream or
/// an empty text part, so that the parts behind it keep their numbers.
BodyStructure read_body(Value list);

}  // namespace imap
