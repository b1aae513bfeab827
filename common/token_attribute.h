#pragma once

/* Attributes of our own, beside PKCS#11's: whoever knows them may ask. */

/* CK_ULONG: for how many seconds what was fetched of this object may still be used; 0 where it is served stale. There
 * is no such attribute while nothing is held in the process that answers. Never fetches. */
#define CKA_KBS_TIME_LEFT (0x80000000UL | 0x4b425301UL)
