#pragma once
#include "pkcs11/handle_list.h"
#include "pkcs11/object.h"

/* Session objects of a token: gone with the session that made them. Thread-safe. */
struct shelf;

struct shelf *shelf_new(void); /* NULL without memory */
void shelf_free(struct shelf *shelf);
AUTO_DEFINE(shelf)

/* Puts the object there and gives it its handle; takes the caller's reference. */
CK_OBJECT_HANDLE shelf_put(struct shelf *shelf, struct object *object);
struct object *shelf_object(struct shelf *shelf, CK_OBJECT_HANDLE handle); /* a reference, or NULL */
/* Puts the object in the place of the one with its handle; takes the reference. False: that one is gone, or was changed
 * meanwhile (it is not `before` any more). */
bool shelf_replace(struct shelf *shelf, const struct object *before, struct object *object);
bool shelf_remove(struct shelf *shelf, CK_OBJECT_HANDLE handle);
void shelf_remove_private(struct shelf *shelf); /* C_Logout */
void shelf_remove_of(struct shelf *shelf, CK_SESSION_HANDLE owner); /* all of a session */
/* Appends the handles of what matches. */
CK_RV shelf_search(struct shelf *shelf, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found);
