# unit tests of attest/
