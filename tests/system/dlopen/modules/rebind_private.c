/* A library with a connect() of its own that has nothing to do with the socket call. */
#define PRIVATE_RESULT 4242

int connect(int wire);
int call_private_connect(int wire);

int connect(int wire)
{
    return wire + PRIVATE_RESULT;
}

int call_private_connect(int wire)
{
    return connect(wire);
}
