/* SPDX-License-Identifier: Apache-2.0
 * Something to build where the real runtime lies. */
#include <stdio.h>

int main(void)
{
    puts("the lab's runtime");
    return 0;
}
